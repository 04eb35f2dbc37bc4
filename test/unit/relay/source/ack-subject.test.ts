import * as fc from "fast-check";
import { expect, test } from "vitest";
import { placeOf } from "../../../../src/relay/source/ack-subject.ts";

test.each([
  [
    "$JS.ACK.RR_EVENTS.relay-0.1.17.9.1700000000000000000.4",
    { seq: 17, deliverySeq: 9, pending: 4, storedAt: 1_700_000_000_000, prefix: 4 },
  ],
  [
    "$JS.ACK.hub.AbC1.RR_EVENTS.relay-0.2.17.9.1700000000000000000.4",
    { seq: 17, deliverySeq: 9, pending: 4, storedAt: 1_700_000_000_000, prefix: 6 },
  ],
  [
    "$JS.ACK._.AbC1.RR_EVENTS.relay-0.1.1000001.3.1.0.xY9",
    { seq: 1_000_001, deliverySeq: 3, pending: 0, storedAt: 1e-6, prefix: 6 },
  ],
])("%s tells where a message stands", (reply, place) => {
  expect(placeOf(reply)).toEqual(place);
});

test.each(["", "_INBOX.x.1", "$JS.ACK.RR_EVENTS.relay-0.1.17.9.1700000000000000000"])(
  "%o is none",
  (reply) => {
    expect(placeOf(reply)).toBeUndefined();
  },
);

test("every number that the log can have is read as it is", () => {
  const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/);
  const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(
      number,
      number,
      number,
      fc.option(fc.tuple(name, name, name)),
      (seq, deliverySeq, pending, far) => {
        const [before, after] = far === null ? ["", ""] : [`${far[0]}.${far[1]}.`, `.${far[2]}`];
        const reply = `$JS.ACK.${before}RR_EVENTS.relay-3.1.${seq}.${deliverySeq}.1795260000000000000.${pending}${after}`;
        expect(placeOf(reply)).toEqual({
          seq,
          deliverySeq,
          pending,
          storedAt: 1_795_260_000_000,
          prefix: far === null ? 4 : 6,
        });
      },
    ),
  );
});
