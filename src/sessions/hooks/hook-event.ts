import { sessionIdProblem } from "../../shared/log/schema/session-id.ts";
import { dataProblem } from "../core/data.ts";
import type { PushedEvent } from "../core/push.ts";

export const HOOK_AGENTS = ["claude-code", "codex"] as const;
export type HookAgent = (typeof HOOK_AGENTS)[number];

/** What a hook told us, for the log of its session. */
export type HookEvent = { session: string; event: PushedEvent };

/** Members of a hook's body that the types below show under a name of their own. */
const SHOWN_ELSEWHERE: ReadonlySet<string> = new Set([
  "session_id",
  "tool_use_id",
  "tool_name",
  "tool_input",
  "tool_response",
]);
/** Characters that are kept of a body that is larger or deeper than an event may be. A character of JSON takes up to 6 bytes. */
const KEPT_CHARS: number = 128 * 1024;

/**
 * Makes an event of a hook's body. Undefined if it names no session or no hook. Tools are shown as those of our own agents are; everything else keeps the hook's name,
 * as `hook_<name>`. `key` is that of the event in the log. Pure.
 */
export function hookEvent(body: Readonly<Record<string, unknown>>, key: string): HookEvent | undefined {
  const { session_id: session, hook_event_name: name } = body;
  if (typeof session !== "string" || sessionIdProblem(session) !== undefined) return undefined;
  if (typeof name !== "string" || !/^[A-Za-z]{1,40}$/.test(name)) return undefined;
  const [type, data] = shownAs(name, body);
  const whole = Buffer.from(JSON.stringify(data));
  return { session, event: { type, key, data: dataProblem(whole) === undefined ? whole : cut(name, whole) } };
}

function shownAs(name: string, body: Readonly<Record<string, unknown>>): [string, Record<string, unknown>] {
  const { tool_use_id: id, tool_name: tool, tool_input: input, tool_response: response } = body;
  const hook = Object.fromEntries(Object.entries(body).filter(([member]) => !SHOWN_ELSEWHERE.has(member)));
  switch (name) {
    case "PreToolUse":
      return ["tool_call", { id: id ?? null, name: tool, input: input ?? null, hook }];
    case "PostToolUse":
    case "PostToolUseFailure": {
      const isError = name === "PostToolUseFailure";
      const content = textOf(isError ? body["error"] : response);
      return ["tool_result", { tool_use_id: id ?? null, name: tool, content, is_error: isError, hook }];
    }
    case "SessionStart":
      return ["session_info", { model: body["model"] ?? null, hook: body }];
    default:
      return [`hook_${name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase()}`, { hook: body }];
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}

function cut(name: string, whole: Buffer): Buffer {
  const text = whole.toString("utf8");
  const kept = {
    hook_event_name: name,
    truncated: true,
    chars: text.length,
    text: text.slice(0, KEPT_CHARS),
  };
  return Buffer.from(JSON.stringify(kept));
}
