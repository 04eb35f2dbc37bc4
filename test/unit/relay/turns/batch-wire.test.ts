import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { batchBody } from "../../../../src/relay/turns/batch-wire.ts";
import { type Entry } from "../../../../src/relay/lanes/lane.ts";
import { entryOf, envelopeOf } from "../lanes/world.ts";

const SOURCE = { mayForward: () => true, verify: () => Promise.resolve(true), settle() {} };

function entry(seq: number, bytes = 10): Entry {
  return entryOf({ seq, session: "s" }, bytes, SOURCE, seq, 0);
}

describe("the body of a batch", () => {
  const text = fc.oneof(fc.string({ maxLength: 20 }), fc.string({ unit: "grapheme", maxLength: 20 }));
  test("says of each event what it is, with its body byte for byte", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ session: text, epoch: text, seq: fc.nat(), body: fc.json() }), {
          minLength: 1,
          maxLength: 20,
        }),
        (events) => {
          const entries = events.map((event, i) => ({
            ...entry(i),
            envelope: { ...envelopeOf({ seq: i, session: "s" }), ...event, body: Buffer.from(event.body) },
          }));
          const sent = Buffer.from(batchBody(entries)).toString("utf8");
          const parsed = JSON.parse(sent) as { events: unknown[] };
          expect(parsed.events).toEqual(
            events.map(({ session, epoch, seq, body }, i) => ({
              key: `e${i}`,
              session_id: session.toWellFormed(),
              seq: `${epoch.toWellFormed()}-${seq}`,
              body: JSON.parse(body) as unknown,
            })),
          );
          for (const { body } of events) expect(sent).toContain(`"body":${body.toWellFormed()}}`);
        },
      ),
    );
  });
});
