import * as fc from "fast-check";
import { expect, test } from "vitest";
import { pack } from "../../../../../src/shared/base/msgpack.ts";
import { encodeSessionEnvelope } from "../../../../../src/shared/session-log/event/session-envelope.ts";
import {
  EVENT_DATA,
  eventJson,
  isShowable,
  readSessionEvent,
} from "../../../../../src/shared/session-log/event/session-event.ts";

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const OWNED = {
  id: "e1",
  source: "worker" as const,
  kind: "text",
  session: "build.7",
  turn: "t1",
  epoch: 1,
  n: 4,
  at: Date.UTC(2026, 0, 2),
  body: json({ text: "hi" }),
};
const PUSHED = {
  id: "p1",
  source: "push" as const,
  kind: "assistant",
  session: "pod",
  at: 0,
  body: json({}),
};
const read = (subject: string, data: Uint8Array): ReturnType<typeof readSessionEvent> =>
  readSessionEvent({ seq: 9, subject, data });
const INVALID = { seq: 9, type: "unreadable", code: "envelope_invalid" };

test("an event is shown with its place, its data as they came", () => {
  const big = new TextEncoder().encode('{"n":12345678901234567890, "é":1.50}');
  const shown = read("rr.ses.abc.out.text", encodeSessionEnvelope({ ...OWNED, body: big }));
  if (!("event" in shown)) throw new Error("unreadable");
  expect(eventJson(shown.event)).toBe(
    '{"seq":9,"n":4,"session_id":"build.7","turn_id":"t1","type":"text","source":"worker","data":{"n":12345678901234567890, "é":1.50},"timestamp":"2026-01-02T00:00:00.000Z"}',
  );
  const pushed = read("rr.ses.abc.in.push.k1", encodeSessionEnvelope(PUSHED));
  if (!("event" in pushed)) throw new Error("unreadable");
  expect(JSON.parse(eventJson(pushed.event))).toEqual({
    seq: 9,
    session_id: "pod",
    type: "assistant",
    source: "push",
    data: {},
    timestamp: "1970-01-01T00:00:00.000Z",
  });
});

test.each<[string, string, Uint8Array]>([
  ["a client that speaks as the owner", "rr.ses.abc.in.push", encodeSessionEnvelope(OWNED)],
  ["an owner that speaks as the user", "rr.ses.abc.out.text", encodeSessionEnvelope(PUSHED)],
  ["another kind than the subject's", "rr.ses.abc.out.turn_ended", encodeSessionEnvelope(OWNED)],
  ["a kind that is none", "rr.ses.abc.out.other", encodeSessionEnvelope({ ...OWNED, kind: "other" })],
  ["a pushed end", "rr.ses.abc.in.push", encodeSessionEnvelope({ ...PUSHED, kind: "turn_ended" })],
  ["no subject of a session", "rr.ses.abc", encodeSessionEnvelope(OWNED)],
  ["no envelope", "rr.ses.abc.out.text", json({ text: "hi" })],
  [
    "data that are no JSON",
    "rr.ses.abc.out.text",
    encodeSessionEnvelope({ ...OWNED, body: json(1).subarray(1) }),
  ],
  [
    "data that are too deep",
    "rr.ses.abc.out.text",
    encodeSessionEnvelope({ ...OWNED, body: new TextEncoder().encode("[".repeat(65) + "]".repeat(65)) }),
  ],
  [
    "data that are too large",
    "rr.ses.abc.out.text",
    encodeSessionEnvelope({ ...OWNED, body: json("x".repeat(EVENT_DATA.bytes)) }),
  ],
])("%s is not shown, but its place is", (_, subject, data) => {
  expect(read(subject, data)).toEqual(INVALID);
});

test("an event of a later version says so", () => {
  const later = pack({ v: 2, ...OWNED, type: "application/json" });
  expect(read("rr.ses.abc.out.text", later)).toEqual({ ...INVALID, code: "schema_newer" });
});

test("whatever is shown is JSON", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.string(), (value, turn) => {
      const body = json(value);
      expect(isShowable(body)).toBe(true);
      const shown = read("rr.ses.abc.out.text", encodeSessionEnvelope({ ...OWNED, turn, body }));
      if ("event" in shown)
        expect(JSON.parse(eventJson(shown.event))).toMatchObject({
          data: JSON.parse(JSON.stringify(value)) as unknown,
          turn_id: turn,
        });
      else expect(turn).not.toMatch(/^[\x20-\x7e]{1,128}$/);
    }),
  );
});

test("clients see who made a session and which term its owner has, and no name of our own", () => {
  const shown = (subject: string, envelope: Parameters<typeof encodeSessionEnvelope>[0]): unknown => {
    const it = read(subject, encodeSessionEnvelope(envelope));
    if (!("event" in it)) throw new Error("unreadable");
    return (JSON.parse(eventJson(it.event)) as { data: unknown }).data;
  };
  const owner = { ...OWNED, kind: "owner", body: json({ epoch: 1, root: "r00t", place: "machine-1" }) };
  expect(shown("rr.ses.abc.out.owner", owner)).toEqual({ epoch: 1 });
  const record = { agent: "echo", metadata: { prompt: "kept" }, prompt: "digest" };
  const body = json({ user: "ann", kind: "worker", incarnation: "i7", at: 1, record });
  const created = { id: "c", source: "user" as const, kind: "created", session: "s", at: 0, body };
  expect(shown("rr.ses.abc.in.created.own", created)).toEqual({
    user: "ann",
    kind: "worker",
    record: { agent: "echo", metadata: { prompt: "kept" } },
  });
  for (const other of ["7", "null", "[]", "{", '"owner"'])
    expect(shown("rr.ses.abc.out.owner", { ...owner, body: json(other) })).toEqual({});
});
