import { expect, test } from "vitest";
import { hookEvent } from "../../../../src/sessions/hooks/hook-event.ts";
import { mayBePushed } from "../../../../src/shared/session-log/event/kinds.ts";

const of = (body: Record<string, unknown>): { type: string; data: unknown } | undefined => {
  const read = hookEvent({ session_id: "s1", cwd: "/p", ...body }, "key");
  return read && { type: read.event.type, data: JSON.parse(Buffer.from(read.event.data).toString()) };
};
const TOOL = { tool_use_id: "t1", tool_name: "Bash", tool_input: { command: "ls" } };

test.each([
  [
    "a tool begins",
    { hook_event_name: "PreToolUse", ...TOOL },
    "tool_call",
    { id: "t1", name: "Bash", input: { command: "ls" }, hook: { hook_event_name: "PreToolUse", cwd: "/p" } },
  ],
  [
    "a tool ended",
    { hook_event_name: "PostToolUse", ...TOOL, tool_response: { stdout: "x" } },
    "tool_result",
    { tool_use_id: "t1", name: "Bash", content: '{"stdout":"x"}', is_error: false },
  ],
  [
    "a tool failed",
    { hook_event_name: "PostToolUseFailure", ...TOOL, error: "no such file" },
    "tool_result",
    { tool_use_id: "t1", content: "no such file", is_error: true },
  ],
  ["a session began", { hook_event_name: "SessionStart", model: "m" }, "session_info", { model: "m" }],
  [
    "a prompt",
    { hook_event_name: "UserPromptSubmit", prompt: "hi" },
    "hook_user_prompt_submit",
    { hook: { prompt: "hi" } },
  ],
  ["an end", { hook_event_name: "Stop" }, "hook_stop", { hook: { session_id: "s1" } }],
  ["what is not known yet", { hook_event_name: "NewThing" }, "hook_new_thing", {}],
])("%s", (_, body, type, data) => {
  const event = of(body);
  expect(event).toMatchObject({ type, data });
  expect(mayBePushed(event?.type ?? "")).toBe(true);
});

test.each([
  ["no session", { session_id: undefined, hook_event_name: "Stop" }],
  ["a session that is no name", { session_id: "a/b", hook_event_name: "Stop" }],
  ["no hook", {}],
  ["a hook that is no name", { hook_event_name: "turn_ended " }],
])("%s is no event", (_, body) => {
  expect(of(body)).toBeUndefined();
});

test("what is larger than an event is cut, and says so", () => {
  const event = of({ hook_event_name: "PostToolUse", ...TOOL, tool_response: "x".repeat(2_000_000) });
  expect(event).toMatchObject({
    type: "tool_result",
    data: { truncated: true, hook_event_name: "PostToolUse" },
  });
  expect(JSON.stringify(event?.data).length).toBeLessThan(150_000);
});
