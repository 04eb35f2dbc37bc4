import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeEnvelope,
  encodeEnvelope,
  ENVELOPE_VERSION,
  type Envelope,
} from "../../../../../src/shared/log/schema/envelope.ts";
import { sessionIdProblem } from "../../../../../src/shared/log/schema/session-id.ts";
import { KINDS } from "../../../../../src/shared/log/schema/subjects.ts";
import { bytes, anything, pack, refusal } from "../../foreign-bytes.ts";

const ENVELOPE: Envelope = {
  v: ENVELOPE_VERSION,
  id: "e",
  kind: "event",
  session: "s",
  runner: "r",
  epoch: "1",
  seq: 1,
  at: 1,
  type: "application/json",
  body: new Uint8Array(),
};

describe("envelopes", () => {
  const envelope: fc.Arbitrary<Envelope> = fc
    .record(
      {
        v: fc.constant(ENVELOPE_VERSION),
        id: fc.stringMatching(/^[\w-]{1,100}$/),
        kind: fc.constantFrom(...KINDS),
        session: fc.string({ unit: "grapheme" }).filter((id) => sessionIdProblem(id) === undefined),
        runner: fc.string({ unit: "grapheme", minLength: 1, maxLength: 50 }),
        epoch: fc.string(),
        seq: fc.maxSafeNat(),
        at: fc.maxSafeNat(),
        type: fc.constantFrom("application/json", "application/problem+json"),
        body: bytes,
        run: fc.record({
          id: fc.string({ unit: "grapheme" }).filter((id) => !/^\.{0,2}$|\//.test(id)),
          report: fc.constantFrom("started", "completed"),
        }),
        answer: fc.stringMatching(/^_INBOX_gw(\.[\w=-]{1,20}){1,4}$/),
        trace: fc.string(),
      },
      { requiredKeys: ["v", "id", "kind", "session", "runner", "epoch", "seq", "at", "type", "body"] },
    )
    .map((it) => it as Envelope);

  test("come back as they were, the body byte for byte", () => {
    fc.assert(
      fc.property(envelope, (it) => {
        const { body, ...rest } = decodeEnvelope(encodeEnvelope(it));
        const { body: original, ...expected } = it;
        expect(rest).toEqual(expected);
        expect([...body]).toEqual([...original]);
      }),
    );
  });

  test("a number beyond 2^53 and odd spaces survive: the body is never parsed", () => {
    const body = Buffer.from('{ "n": 12345678901234567890.10, "é":"\\u0000" }');
    expect(Buffer.from(decodeEnvelope(encodeEnvelope({ ...ENVELOPE, body })).body)).toEqual(body);
  });

  test.each([65_535, 65_536, 300_000])(
    "a body of %i bytes comes back, and nothing else changes with it",
    (size) => {
      const body = Buffer.alloc(size, "0123456789");
      const it = { ...ENVELOPE, body, trace: "t" };
      const back = decodeEnvelope(encodeEnvelope(it));
      expect(Buffer.compare(back.body, body)).toBe(0);
      expect({ ...back, body: 0 }).toEqual({ ...it, body: 0 });
    },
  );

  test("a newer version differs from a payload that is no envelope", () => {
    expect(refusal(() => decodeEnvelope(encodeEnvelope({ ...ENVELOPE, v: ENVELOPE_VERSION + 1 })))).toBe(
      "schema_newer",
    );
    expect(refusal(() => decodeEnvelope(new Uint8Array()))).toBe("envelope_invalid");
  });

  test("a newer version is recognized by its first bytes, however large and odd the rest is", () => {
    for (const version of [2, 200, 60_000, 4_000_000_000]) {
      const newer = pack({ v: version, later: Array.from({ length: 1000 }, () => [[[new Date()]]]) });
      expect(refusal(() => decodeEnvelope(newer))).toBe("schema_newer");
    }
    const odd = pack({ v: 1, later: Array.from({ length: 1000 }, () => ({})) });
    expect(refusal(() => decodeEnvelope(odd))).toBe("envelope_invalid");
    expect(refusal(() => decodeEnvelope(pack({ id: "e", v: 2 })))).toBe("schema_newer");
  });

  test("holds fields that a later version of the same number adds", () => {
    expect(decodeEnvelope(pack({ ...ENVELOPE, later: "x", more: { a: 1 } }))).toMatchObject({ id: "e" });
  });

  test.each<[string, Partial<Record<keyof Envelope, unknown>>]>([
    ["id", { id: 1 }],
    ["id that is no token", { id: "a.b" }],
    ["id of no length", { id: "" }],
    ["kind", { kind: "other" }],
    ["session", { session: null }],
    ["runner", { runner: undefined }],
    ["epoch", { epoch: 3 }],
    ["seq", { seq: 1.5 }],
    ["at", { at: "now" }],
    ["type", { type: undefined }],
    ["body", { body: "text" }],
    ["run", { run: { id: 1, report: "started" } }],
    ["run", { run: null }],
    ["answer", { answer: 7 }],
    ["trace", { trace: {} }],
    // what no subject, header or path of ours could hold
    ["session of a path", { session: ".." }],
    ["session that is too long", { session: "s".repeat(201) }],
    ["runner of no length", { runner: "" }],
    ["runner that is too long for a subject", { runner: "r".repeat(256) }],
    ["epoch that breaks its header", { epoch: "1\r\nauthorization: x" }],
    ["type that breaks its header", { type: "text/plain\n" }],
    ["type of a megabyte", { type: "x".repeat(1 << 20) }],
    ["run of a path", { run: { id: "..", report: "started" } }],
    ["run with a slash", { run: { id: "a/b", report: "started" } }],
    ["run of no length", { run: { id: "", report: "started" } }],
    ["report of a path", { run: { id: "r", report: "../x" } }],
    ["answer that is no subject", { answer: "_INBOX_gw.>" }],
    ["answer that is too long", { answer: "a".repeat(1025) }],
    ["trace that breaks its header", { trace: "\u0000" }],
    ["tracestate that is too long", { tracestate: "x".repeat(513) }],
    ["replayOf that breaks its header", { replayOf: "é" }],
  ])("a wrong %s makes it none", (_, wrong) => {
    expect(refusal(() => decodeEnvelope(pack({ ...ENVELOPE, ...wrong })))).toBe("envelope_invalid");
  });

  test("whatever the bytes are, it is an envelope or refused with a code", () => {
    fc.assert(
      fc.property(anything, (data) => {
        refusal(() => decodeEnvelope(data));
      }),
      { numRuns: 1000 },
    );
  });
});
