import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createShowing } from "../../../../../src/sessions/dialects/ambient/showing.ts";
import type { Message } from "../../../../../src/sessions/dialects/ambient/message.ts";
import type { Sent } from "../../../../../src/sessions/stream/follow.ts";
import { encodeSessionEnvelope } from "../../../../../src/shared/session-log/event/session-envelope.ts";
import { inSubject, outSubject } from "../../../../../src/shared/session-log/subjects.ts";

const log = "l1";
const at = Date.parse("2026-11-30T15:00:00.000Z");

function stored(
  seq: number,
  subject: string,
  source: "user" | "worker" | "push",
  kind: string,
  data: unknown,
): Sent {
  const owner = source === "worker" ? { epoch: 1, n: seq } : {};
  const body = Buffer.from(JSON.stringify(data));
  const envelope = encodeSessionEnvelope({
    id: `e${seq}`,
    source,
    kind,
    session: "s1",
    at,
    body,
    turn: "t1",
    ...owner,
  });
  return { kind: "event", event: { seq, subject, data: envelope }, log };
}
const pushed = (seq: number, type: string, data: unknown): Sent =>
  stored(seq, inSubject("name", "push", `k${seq}`), "push", type, data);
const asked = (seq: number, text: string): Sent =>
  stored(seq, inSubject("name", "turn", `k${seq}`), "user", "turn", { user_input: text });
const said = (seq: number, kind: string, data: unknown = {}): Sent =>
  stored(seq, outSubject("name", kind), "worker", kind, data);
const text = (seq: number, words: string, block = "0"): Sent => said(seq, "text", { text: words, block });

function shown(items: Sent[]): Message[] {
  const showing = createShowing("s1");
  return items.flatMap((item) => showing.take(item));
}
const short = (messages: Message[]): [number, string, string][] =>
  messages.map(({ seq, type, payload }) => [seq, type, payload]);

test("what was pushed is a message of its type", () => {
  expect(shown([pushed(7, "RUN_STARTED", { a: null }), pushed(9, "assistant", "hi")])).toEqual([
    { id: "7.l1", session: "s1", seq: 7, type: "RUN_STARTED", payload: '{"a":null}', at },
    { id: "9.l1", session: "s1", seq: 9, type: "assistant", payload: "hi", at },
  ]);
});

test("of a worker's turn there are what was asked, whole texts, tools and errors", () => {
  const turn = [
    said(1, "owner"),
    asked(2, "do it"),
    said(3, "turn_started"),
    said(4, "thinking", { text: "hm", block: "1" }),
    text(5, "Hel"),
    said(6, "usage"),
    text(7, "lo"),
    said(8, "tool_call", { id: "c1", name: "Bash", input: { command: "ls" } }),
    said(9, "tool_result", { tool_use_id: "c1", content: "x".repeat(3000) }),
    text(10, "a", "2"),
    text(11, "b", "3"),
    said(12, "error", { message: "boom", code: "E" }),
    said(13, "turn_ended", { outcome: "failed" }),
  ];
  expect(short(shown(turn))).toEqual([
    [2, "user", "do it"],
    [7, "assistant", "Hello"],
    [8, "tool_use", '{"tool":"Bash","tool_call_id":"c1","input":{"command":"ls"}}'],
    [9, "tool_result", JSON.stringify({ tool_call_id: "c1", result: "x".repeat(2000) })],
    [10, "assistant", "a"],
    [11, "assistant", "b"],
    [12, "error", "boom"],
  ]);
});

describe("what was removed", () => {
  const gap = (from: number, to: number): Sent => ({ kind: "gap", from, to, log });
  test("is a message before what follows it", () => {
    expect(short(shown([text(1, "a"), gap(2, 10), asked(12, "x")]))).toEqual([
      [1, "assistant", "a"],
      [2, "gap", '{"from":2,"to":10}'],
      [12, "user", "x"],
    ]);
  });
  test("lies behind what was kept where it begins", () => {
    expect(short(shown([gap(2, 10), asked(2, "x"), asked(5, "y")]))).toEqual([
      [2, "user", "x"],
      [3, "gap", '{"from":3,"to":10}'],
      [5, "user", "y"],
    ]);
    expect(short(shown([gap(2, 2), asked(2, "x")]))).toEqual([[2, "user", "x"]]);
  });
  test("is told at the latest when there is nothing more", () => {
    expect(short(shown([gap(2, 10), { kind: "caught_up", last: 10, log }]))).toEqual([
      [2, "gap", '{"from":2,"to":10}'],
    ]);
  });
  test("may be everything: another log begins anew", () => {
    expect(short(shown([text(5, "a"), { kind: "reset", log }, asked(1, "x")]))).toEqual([
      [0, "gap", '{"reset":true}'],
      [1, "user", "x"],
    ]);
  });
});

test("WATCH-1: places grow, and whoever comes back behind a message gets those that followed it", () => {
  const event = fc.constantFrom(
    (seq: number) => text(seq, `w${seq}`),
    (seq: number) => text(seq, `w${seq}`, "1"),
    (seq: number) => asked(seq, "q"),
    (seq: number) => said(seq, "tool_call", { id: "c", name: "n", input: {} }),
    (seq: number) => said(seq, "iteration_end"),
    (seq: number) => said(seq, "status"),
    (seq: number) => pushed(seq, "assistant", "p"),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), (kinds) => {
      const items = kinds.map((make, i) => make(i + 1));
      const all = shown(items);
      for (const [i, message] of all.entries()) {
        if (i > 0) expect(message.seq).toBeGreaterThan(all[i - 1]?.seq ?? 0);
        expect(shown(items.slice(message.seq))).toEqual(all.slice(i + 1));
      }
    }),
  );
});
