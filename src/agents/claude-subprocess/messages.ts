import type { Output, Reported } from "../port.ts";
import type { SdkMessage } from "./sdk.ts";

// What the messages of the CLI are in the runner's protocol: `read` says it of one of them. blocks.ts has the parts of the model's answers.

import { blockOutputs, deltaOutput, resultOutputs } from "./blocks.ts";

/** What is known of a turn by its messages. */
export type Reading = {
  threadId: string | undefined;
  /** The answer of the model that comes in pieces. */
  streaming: string | undefined;
  /** How many whole blocks of each answer came. */
  blocks: ReadonlyMap<string, number>;
  /** Names of tools, by the id of their use. */
  tools: ReadonlyMap<string, string>;
  /** Why the model stopped in its last answer, until the next one begins. */
  stopped: string | undefined;
  /** The API's word for what went wrong. */
  apiError: string | undefined;
  /** A result came: the turn is over, unless the user said more. */
  result: "none" | "answered" | "failed";
  /** What the user said while the turn ran, and the CLI has not finished with. */
  open: ReadonlySet<string>;
};

export function newReading(): Reading {
  return {
    threadId: undefined,
    streaming: undefined,
    blocks: new Map(),
    tools: new Map(),
    stopped: undefined,
    apiError: undefined,
    result: "none",
    open: new Set(),
  };
}

/** The state after a message, and what it reports. Pure. */
export function read(before: Reading, message: SdkMessage): [Reading, Reported[]] {
  switch (message.type) {
    case "system":
      return readSystem(before, message);
    case "stream_event":
      return readStream(before, message);
    case "assistant":
      return readAssistant(before, message);
    case "user": {
      const outputs = resultOutputs(message, before.tools);
      return [before, outputs.map(asOutput)];
    }
    case "result":
      return readResult(before, message);
    case "command_lifecycle": {
      const { command_uuid: uuid, state } = message;
      if (typeof uuid !== "string" || state === "queued" || state === "started") return [before, []];
      return [{ ...before, open: without(before.open, uuid) }, []];
    }
    default:
      return [before, [asOutput(status(message.type, message))]];
  }
}

/** Those say nothing that anybody acts upon: progress that other messages show as well. */
const SILENT: readonly unknown[] = [
  "status",
  "thinking_tokens",
  "hook_started",
  "hook_progress",
  "hook_response",
  "session_state_changed",
];

function readSystem(before: Reading, message: SdkMessage): [Reading, Reported[]] {
  const { subtype, session_id: id, model } = message;
  if (subtype === "init") {
    if (typeof id !== "string" || id === before.threadId) return [before, []];
    const header: Reported = { type: "header", provider: "anthropic", threadId: id };
    return [{ ...before, threadId: id }, [typeof model === "string" ? { ...header, model } : header]];
  }
  if (subtype === "api_retry") {
    const { attempt, max_retries: most, retry_delay_ms: delay, error_status: code, error } = message;
    const what = `the model's API failed (${String(code ?? error)}), try ${String(attempt)} of ${String(most)} follows`;
    const details = { status: code ?? null, reason: error ?? null, retry_in_ms: delay ?? null };
    return [before, [{ type: "error", code: "API_RETRY", message: what, recoverable: true, details }]];
  }
  if (subtype === "mirror_error") {
    const what = `a part of the transcript is not in the session's log: ${String(message["error"])}`;
    return [before, [{ type: "error", code: "TRANSCRIPT_NOT_KEPT", message: what, recoverable: true }]];
  }
  if (SILENT.includes(subtype)) return [before, []];
  return [before, [asOutput(status(String(subtype), message))]];
}

function readStream(
  before: Reading,
  { event, parent_tool_use_id: parent }: SdkMessage,
): [Reading, Reported[]] {
  if (typeof event !== "object" || event === null || (parent ?? null) !== null) return [before, []];
  const { type, message, delta, index } = event as Record<string, unknown>;
  if (type === "message_start") {
    const { id } = (message ?? {}) as { id?: unknown };
    const after = { ...before, streaming: typeof id === "string" ? id : undefined, stopped: undefined };
    return [after, iteration(before)];
  }
  if (type === "message_delta") {
    const { stop_reason: reason } = (delta ?? {}) as { stop_reason?: unknown };
    return [typeof reason === "string" ? { ...before, stopped: reason } : before, []];
  }
  if (type !== "content_block_delta" || before.streaming === undefined) return [before, []];
  const output = deltaOutput(delta, `${before.streaming}:${String(index)}`);
  return [before, output === undefined ? [] : [asOutput(output)]];
}

function readAssistant(before: Reading, message: SdkMessage): [Reading, Reported[]] {
  const { message: answer, error, parent_tool_use_id: parent } = message;
  const { id, content, model } = (answer ?? {}) as Record<string, unknown>;
  if (typeof error === "string" || model === "<synthetic>")
    return [typeof error === "string" ? { ...before, apiError: error } : before, []]; // the result says it
  const name = String(id);
  const seen = before.blocks.get(name) ?? 0;
  const list = Array.isArray(content) ? content : [];
  const found = blockOutputs(list, { answer: name, from: seen, parent });
  const tools = new Map(before.tools);
  for (const it of found) if (it.kind === "tool_call") tools.set(it.id, it.name);
  const blocks = new Map(before.blocks).set(name, seen + list.length);
  return [{ ...before, blocks, tools }, found.map(asOutput)];
}

function readResult(before: Reading, message: SdkMessage): [Reading, Reported[]] {
  const { subtype, is_error: failed, result, errors, api_error_status: code } = message;
  const state: Reading = { ...before, stopped: undefined };
  const said = [...iteration(before), ...metadata(message)];
  if (subtype === "error_max_turns") {
    return [
      { ...state, result: "answered" },
      [...said, { type: "awaiting_input", reason: "max_iterations" }],
    ];
  }
  if (failed === true || subtype !== "success") {
    const words = Array.isArray(errors) ? errors.map(String).join("; ") : "";
    const text = typeof result === "string" && result !== "" ? result : words || String(subtype);
    const details = {
      ...(typeof code === "number" ? { status: code } : {}),
      ...(before.apiError === undefined ? {} : { reason: before.apiError }),
    };
    const error: Reported = { type: "error", code: "CLAUDE_RESULT_ERROR", message: text, details };
    return [{ ...state, result: "failed" }, [...said, error]];
  }
  const { structured_output: data } = message;
  const text = typeof result === "string" ? result : "";
  const final: Output = { kind: "final", text, ...(data === undefined ? {} : { data }) };
  return [{ ...state, result: "answered" }, [...said, asOutput(final)]];
}

/** Tokens are this turn's; costs are those of the whole conversation, as the CLI counts them. */
function metadata({ usage, total_cost_usd: cost, duration_ms: ms }: SdkMessage): Reported[] {
  const {
    input_tokens: input,
    output_tokens: output,
    cache_read_input_tokens: cached,
  } = (usage ?? {}) as Record<string, unknown>;
  const tokens = { input, output, cache_read: cached };
  return [
    ...(typeof input === "number" ? [{ type: "metadata" as const, key: "tokens", value: tokens }] : []),
    ...(typeof cost === "number" ? [{ type: "metadata" as const, key: "total_cost_usd", value: cost }] : []),
    ...(typeof ms === "number" ? [{ type: "metadata" as const, key: "duration_ms", value: ms }] : []),
  ];
}

function iteration({ stopped }: Reading): Reported[] {
  return stopped === undefined ? [] : [asOutput({ kind: "iteration", stopReason: stopped })];
}

function asOutput(output: Output): Reported {
  return { type: "output", output };
}

/** What is not known is shown as it came, without what names the message only. */
function status(name: string, { session_id: _session, uuid: _uuid, ...data }: SdkMessage): Output {
  return { kind: "other", type: "status", data: { status: name, claude: data } };
}

function without(of: ReadonlySet<string>, name: string): ReadonlySet<string> {
  const left = new Set(of);
  left.delete(name);
  return left;
}
