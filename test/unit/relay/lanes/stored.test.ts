import { SHARDS } from "../../../support/eight-shards.ts";
import { JetStreamApiError, type JetStreamManager } from "@nats-io/jetstream";
import { describe, expect, test } from "vitest";
import { createLeaderReader, envelopeOf as storedEnvelope } from "../../../../src/relay/lanes/stored.ts";
import { encodeEnvelope } from "../../../../src/shared/log/schema/envelope.ts";
import { CodedError } from "../../../../src/shared/base/errors.ts";
import type { EventAddress } from "../../../../src/shared/log/schema/subjects.ts";
import { envelopeOf } from "./world.ts";

describe("what cannot be read", () => {
  const address: EventAddress = { origin: "ev", partition: 1, runner: "r", session: "s", kind: "event" };

  test("a whole envelope is itself", () => {
    const envelope = envelopeOf({ seq: 7, session: "s" });
    expect(storedEnvelope(encodeEnvelope(envelope), address, 3)).toMatchObject({
      envelope: { id: "e7" },
      death: undefined,
    });
  });

  test.each<[string, Uint8Array]>([
    ["bytes that are nothing", Uint8Array.of(0xc1)],
    ["nothing", new Uint8Array()],
    ["another session's envelope", encodeEnvelope(envelopeOf({ seq: 7, session: "other" }))],
    ["another runner's", encodeEnvelope({ ...envelopeOf({ seq: 7, session: "s" }), runner: "other" })],
    ["one of another kind", encodeEnvelope({ ...envelopeOf({ seq: 7, session: "s" }), kind: "bind" })],
  ])("%s gets a shape from its subject, and a reason to be buried", (_, data) => {
    const { envelope, death } = storedEnvelope(data, address, 3);
    expect(envelope).toMatchObject({ id: "seq-3", session: "s", runner: "r", kind: "event" });
    expect(death?.reason).toMatch(/^envelope_invalid: /);
  });

  test("a newer version is no poison: this program is too old", () => {
    const newer = encodeEnvelope({ ...envelopeOf({ seq: 7, session: "s" }), v: 99 });
    expect(() => storedEnvelope(newer, address, 3)).toThrow(CodedError);
  });
});

test.each([
  ["knows the number: there is nothing more", 7, "none"],
  ["has got further: nothing more either", 9, "none"],
  ["has not got so far: it is not the leader any more", 6, undefined],
] as const)("SETTLE-1: at the log's end, a server that %s", async (_, last, word) => {
  const jsm = {
    streams: {
      getMessage: () =>
        Promise.reject(new JetStreamApiError({ code: 404, err_code: 10037, description: "" })),
      info: () => Promise.resolve({ state: { last_seq: last } }),
    },
  } as unknown as JetStreamManager;
  expect(await createLeaderReader(jsm, SHARDS)("s", 8, 7)).toBe(word);
});
