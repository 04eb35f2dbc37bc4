import { expect, test } from "vitest";
import type { SessionEvent, Watched } from "../../../../src/client/sessions/index.ts";
import { PLAIN } from "../../../../src/cli/render/screen.ts";
import { eventLine, saidIn } from "../../../../src/cli/sessions/event-text.ts";

const event = (type: string, data: Record<string, unknown>): SessionEvent => ({
  seq: 41,
  session_id: "s",
  turn_id: "t",
  type,
  source: "worker",
  data,
  timestamp: "2026-01-01T12:00:00.123Z",
  cursor: "41.log",
});

test.each<[string, Record<string, unknown>, string]>([
  ["text", { text: "hello", block: "0" }, "hello"],
  ["thinking", { text: "hm" }, "hm"],
  ["turn", { user_input: "list", client_turn_id: "t" }, "list"],
  ["turn_ended", { outcome: "finished" }, "finished"],
  ["turn_ended", { outcome: "failed", message: "no" }, "failed: no"],
  ["error", { message: "no", code: "x" }, "no"],
  ["tool_call", { id: "c", name: "Bash", input: { command: "ls" } }, 'Bash {"input":{"command":"ls"}}'],
  ["permission_request", { request_id: "r", tool_name: "Bash" }, "Bash"],
  ["status", {}, ""],
  ["usage", { tokens: 5 }, '{"tokens":5}'],
])("what %s with %j says", (type, data, said) => {
  expect(saidIn({ type, data })).toBe(said);
});

test("a line has time, place, type, turn and what was said, without control characters", () => {
  expect(eventLine(event("text", { text: "a\u001b[2Jb\nc" }), PLAIN)).toBe(
    "12:00:00.123  41  text  t  a\\u001b[2Jb\\u000ac",
  );
  const gap: Watched = { type: "gap", data: { from: 1, to: 5 } };
  expect(eventLine(gap, PLAIN)).toBe('gap  {"from":1,"to":5}');
});

test("a line fits its screen", () => {
  const narrow = { ...PLAIN, columns: 40, rows: 24 };
  expect(eventLine(event("text", { text: "x".repeat(100) }), narrow)).toHaveLength(40);
});
