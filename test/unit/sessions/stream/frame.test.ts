import { expect, test } from "vitest";
import { encodeSessionEnvelope } from "../../../../src/shared/session-log/event/session-envelope.ts";
import type { StoredEvent } from "../../../../src/shared/session-log/follow/stored-event.ts";
import type { Sent } from "../../../../src/sessions/stream/follow.ts";
import { closedJson, socketFrame, sseFrame } from "../../../../src/sessions/stream/frame.ts";

const stored = (text: string): StoredEvent => ({
  seq: 12,
  subject: "rr.ses.s1.out.text",
  data: encodeSessionEnvelope({
    id: "e1",
    source: "worker",
    kind: "text",
    session: "chat",
    turn: "t1",
    epoch: 1,
    n: 3,
    at: 0,
    body: Buffer.from(text),
  }),
});
const shown = (text: string): object => ({
  seq: 12,
  n: 3,
  session_id: "chat",
  turn_id: "t1",
  type: "text",
  source: "worker",
  data: JSON.parse(text) as object,
  timestamp: "1970-01-01T00:00:00.000Z",
});

test("an event is the same JSON for all, with its cursor as the id of an SSE event", () => {
  const item: Sent = { kind: "event", event: stored('{"text":"hi"}'), log: "abc" };
  const json = Buffer.from(socketFrame(item)).toString();
  expect(JSON.parse(json)).toEqual(shown('{"text":"hi"}'));
  expect(Buffer.from(sseFrame(item)).toString()).toBe(`id: 12.abc\ndata: ${json}\n\n`);
});

test("an event's bytes are made once, whatever the number of its watchers", () => {
  const event = stored("{}");
  const item = (log: string): Sent => ({ kind: "event", event, log });
  expect(sseFrame(item("abc"))).toBe(sseFrame(item("abc")));
  expect(socketFrame(item("abc"))).toBe(socketFrame(item("abc")));
  expect(Buffer.from(sseFrame(item("def"))).toString()).toContain("id: 12.def\n"); // the log was made anew
});

test("what cannot be read keeps its place", () => {
  const event = { seq: 5, subject: "rr.ses.s1.out.text", data: Buffer.from("odd") };
  const text = Buffer.from(sseFrame({ kind: "event", event, log: "abc" })).toString();
  expect(text).toBe('id: 5.abc\ndata: {"seq":5,"type":"unreadable","code":"envelope_invalid"}\n\n');
});

test.each<[Sent, object]>([
  [
    { kind: "gap", from: 3, to: 9, log: "abc" },
    { type: "gap", from: 3, to: 9, log: "abc" },
  ],
  [
    { kind: "reset", log: "abc" },
    { type: "reset", log: "abc" },
  ],
  [
    { kind: "caught_up", last: 9, log: "abc" },
    { type: "caught_up", last: 9, log: "abc" },
  ],
])("%j has its position in its data, and no id to come back to", (item, data) => {
  expect(JSON.parse(Buffer.from(socketFrame(item)).toString())).toEqual(data);
  expect(Buffer.from(sseFrame(item)).toString()).toBe(`data: ${JSON.stringify(data)}\n\n`);
});

test("the last words have the reason and the position", () => {
  expect(JSON.parse(closedJson("deleted", 9))).toEqual({ type: "closed", reason: "deleted", last: 9 });
});
