import * as fc from "fast-check";
import { Packr } from "msgpackr";
import { describe, expect, test } from "vitest";
import { decodeAnswer, encodeAnswer, type Answer } from "../../../src/shared/messages/answer.ts";
import {
  decodeCheckpoint,
  encodeCheckpoint,
  freshCheckpoint,
  MOST_HELD,
} from "../../../src/shared/log/state/checkpoint.ts";
import {
  decodeEnvelope,
  encodeEnvelope,
  ENVELOPE_VERSION,
  type Envelope,
} from "../../../src/shared/log/schema/envelope.ts";
import { CodedError, isCoded } from "../../../src/shared/base/errors.ts";
import { RECORD, unpack } from "../../../src/shared/base/msgpack.ts";
import {
  decodeHeld,
  encodeHeld,
  heldUnder,
  type HeldPlace,
  type HeldRecord,
} from "../../../src/shared/log/state/held.ts";
import { decodeState, encodeState, type RelayState } from "../../../src/shared/messages/relay-state.ts";
import { sessionIdProblem } from "../../../src/shared/log/schema/session-id.ts";
import { KINDS } from "../../../src/shared/log/schema/subjects.ts";

const packr = new Packr({ useRecords: false, variableMapSize: true });
const bytes = fc.uint8Array({ maxLength: 100 });
const anything = fc.oneof(
  bytes,
  fc.anything({ maxDepth: 2 }).map((value) => pack(value)),
  fc
    .dictionary(fc.string(), fc.anything({ maxDepth: 1 }))
    .map((value) => pack({ v: 1, kind: "answer", ...value })),
);

function pack(value: unknown): Uint8Array {
  try {
    return packr.pack(value);
  } catch {
    return new Uint8Array(); // what msgpack cannot say
  }
}

/** Runs a decoder that may refuse, but only with a code. */
function refusal(decode: () => unknown): unknown {
  try {
    decode();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(CodedError);
    return (error as CodedError).code;
  }
}

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

  test("a newer version is told apart from what is none", () => {
    expect(refusal(() => decodeEnvelope(encodeEnvelope({ ...ENVELOPE, v: ENVELOPE_VERSION + 1 })))).toBe(
      "schema_newer",
    );
    expect(refusal(() => decodeEnvelope(new Uint8Array()))).toBe("envelope_invalid");
  });

  test("a newer version is told from its first bytes, however large and odd the rest is", () => {
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

describe("held records", () => {
  const record: HeldRecord = { v: 1, session: "s", from: 7, reason: "backlog", text: "why", since: 1 };

  test("come back as they were", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        fc.maxSafeNat(),
        fc.constantFrom("backlog", "parked", "paused"),
        (session, from, reason) => {
          const it: HeldRecord = { ...record, session, from, reason };
          expect(decodeHeld(encodeHeld(it))).toEqual(it);
        },
      ),
    );
  });

  test.each([
    { session: 1 },
    { from: "7" },
    { from: Number.NaN },
    { from: undefined },
    { reason: "other" },
    { text: 1 },
  ])("SETTLE-1: %j is none: pruning must not go by it", (wrong) => {
    expect(refusal(() => decodeHeld(pack({ ...record, ...wrong })))).toBe("envelope_invalid");
  });

  test("a newer version, and whatever else, is refused with a code", () => {
    expect(refusal(() => decodeHeld(pack({ ...record, v: 2 })))).toBe("schema_newer");
    fc.assert(fc.property(anything, (data) => void refusal(() => decodeHeld(data))));
  });
});

test("SETTLE-1: what cannot be read as a held record is a session that waits for an operator", () => {
  const value = Buffer.from('{"stream":"RR_EVENTS","seq":7}');
  expect(heldUnder("held.a=20b", { value, at: 5 })).toMatchObject({
    session: "a b",
    from: 1,
    reason: "parked",
    since: 5,
  });
  expect(refusal(() => heldUnder("held.a", { value: pack({ v: 2 }), at: 5 }))).toBe("schema_newer");
});

test("a held record's text is shortened: every command shows it", () => {
  const record: HeldRecord = {
    v: 1,
    session: "s",
    from: 7,
    reason: "parked",
    text: "x".repeat(5000),
    since: 1,
  };
  expect(decodeHeld(encodeHeld(record)).text).toHaveLength(2000);
});

describe("checkpoints", () => {
  test("name held sessions, also many, and older programs pass over the list", () => {
    const places = Array.from({ length: MOST_HELD }, (_, i): HeldPlace => [
      `s${i}`.padEnd(200, "ä"),
      i,
      "paused",
    ]);
    const it = { ...freshCheckpoint("2026-11-21T00:00:00Z", 7), held: places };
    expect(decodeCheckpoint(encodeCheckpoint(it)).held).toEqual(places);
    expect(decodeCheckpoint(encodeCheckpoint({ ...it, held: [] })).held).toBeUndefined();
    expect(unpack(encodeCheckpoint(it), RECORD)).toMatchObject({ v: 1, floor: 7 });
    for (const held of [1, "x", new Uint8Array([1]), new TextEncoder().encode('[["s","1","paused"]]')])
      expect(refusal(() => decodeCheckpoint(pack({ ...it, held })))).toBe("checkpoint_mismatch");
  });

  test("come back as they were, and whatever else is refused with a code", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), bytes, (floor, settled) => {
        const it = { ...freshCheckpoint("2026-11-21T00:00:00Z", floor), settled };
        const { settled: back, ...rest } = decodeCheckpoint(encodeCheckpoint(it));
        expect(rest).toEqual({ v: 1, stream: "2026-11-21T00:00:00Z", floor });
        expect([...back]).toEqual([...settled]);
      }),
    );
    fc.assert(fc.property(anything, (data) => void refusal(() => decodeCheckpoint(data))));
    expect(refusal(() => decodeCheckpoint(pack({ v: 2 })))).toBe("schema_newer");
  });
});

describe("answers", () => {
  const answer: Answer = {
    kind: "answer",
    status: 201,
    headers: [["content-type", "application/json"]],
    body: Uint8Array.of(1),
  };

  test("come back as they were", () => {
    const back = decodeAnswer(encodeAnswer(answer));
    expect(back).toMatchObject({
      kind: "answer",
      status: 201,
      headers: [["content-type", "application/json"]],
    });
    expect(decodeAnswer(encodeAnswer({ kind: "accepted", reason: "backlog" }))).toEqual({
      kind: "accepted",
      reason: "backlog",
    });
  });

  test.each([
    { ...answer, status: "200" },
    { ...answer, headers: {} },
    { ...answer, headers: [["a", 1]] },
    { ...answer, headers: ["a"] },
    { ...answer, headers: [["a"]] },
    { ...answer, headers: Array.from({ length: 20_000 }, () => ["a", ""]) },
    { ...answer, body: "text" },
    { kind: "accepted" },
    { kind: "other" },
  ])("%j is none", (wrong) => {
    expect(decodeAnswer(pack(wrong))).toBeUndefined();
  });

  test("whatever the bytes are, it is an answer or none", () => {
    fc.assert(fc.property(anything, (data) => void decodeAnswer(data)));
  });
});

describe("the state of a relay", () => {
  const state: RelayState = {
    v: 1,
    relay: "r",
    shards: [{ shard: 1, behind: false }],
    coordinator: { state: "paused", reason: "unauthorized", since: 1_763_700_000_000 },
    backlog: [{ session: "s", events: 1, bytes: 2 }],
    overflow: false,
  };

  test("comes back as it was", () => {
    expect(decodeState(encodeState(state))).toEqual(state);
  });

  test.each([
    "",
    "null",
    "3",
    '"v"',
    '{"v":1}',
    JSON.stringify({ ...state, v: 2 }),
    JSON.stringify({ ...state, shards: {} }),
    JSON.stringify({ ...state, standby: 1 }),
    JSON.stringify({ ...state, standby: null }),
    JSON.stringify({ ...state, backlog: null }),
    JSON.stringify({ ...state, coordinator: "up" }),
    JSON.stringify({ ...state, coordinator: { state: "odd" } }),
  ])("%s is none", (text) => {
    expect(decodeState(text)).toBeUndefined();
  });
});

test("a code is recognized, another's error is not", () => {
  const error = new CodedError("log_full", "full");
  expect([
    isCoded(error),
    isCoded(error, "log_full"),
    isCoded(error, "internal"),
    isCoded(new Error("log_full")),
  ]).toEqual([true, true, false, false]);
});
