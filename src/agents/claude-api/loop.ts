import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { Output, RunnerSession } from "../port.ts";
import type { ApiClient, ApiMessage, ApiRequest, Said } from "./sdk.ts";
import { STRUCTURED, toolsFor, useTool, type ToolUse } from "./tools.ts";

/** Most tokens of an answer. */
const MAX_TOKENS = 16_384;
/** Most answers of the model in one turn, if its client names no limit: what goes on for longer goes in circles. */
const MOST_ANSWERS = 200;

export type Conversation = {
  /** Everything that was said so far, in the session's memory. */
  messages: Said[];
  /** What the user said while the turn runs, and the model has not heard. */
  unheard: string[];
  /** How many of the messages are in the session's log, and what names the last of them there. */
  kept: { count: number; mark: string | undefined };
};

export type LoopDeps = {
  client: ApiClient;
  model: string;
  clock: Clock;
  signal: AbortSignal;
  /** Keeps what was said so far. */
  keep: () => Promise<void>;
};

/** Asks the model, uses the tools that it wants, and tells it what they said, until it has answered. */
export async function talk(deps: LoopDeps, session: RunnerSession, it: Conversation): Promise<void> {
  const { max_iterations: given } = session.request;
  const most = typeof given === "number" ? given : MOST_ANSWERS;
  const tokens = { input: 0, output: 0, cache_read: 0 };
  let structured: { data?: unknown } = {};
  for (let n = 1; ; n++) {
    const answer = await ask(deps, session, it.messages);
    it.messages.push({ role: "assistant", content: answer.content });
    tokens.input += answer.usage.input_tokens;
    tokens.output += answer.usage.output_tokens;
    tokens.cache_read += answer.usage.cache_read_input_tokens ?? 0;
    const uses = answer.content.filter(
      (block): block is ToolUse & { type: "tool_use" } => block.type === "tool_use",
    );
    const results = await useAll(deps, session, uses);
    for (const { name, input } of uses) if (name === STRUCTURED) structured = { data: input };
    emit(session, { kind: "iteration", stopReason: answer.stop_reason });
    const heard = it.unheard.splice(0).map((text) => ({ type: "text", text }));
    if (results.length + heard.length > 0)
      it.messages.push({ role: "user", content: [...results, ...heard] });
    deps.signal.throwIfAborted();
    const goesOn = results.length + heard.length > 0;
    if (goesOn) await deps.keep();
    if (goesOn && n < most) continue;
    session.emit({ type: "metadata", key: "tokens", value: tokens });
    emit(session, { kind: "final", text: textOf(answer), ...structured });
    session.emit({ type: "awaiting_input", ...reasonOf(answer, goesOn) });
    return;
  }
}

/** One request. Its pieces are reported as they come. */
async function ask(
  { client, model, signal }: LoopDeps,
  session: RunnerSession,
  messages: readonly Said[],
): Promise<ApiMessage> {
  const { system_prompt: system, model: own } = session.options;
  const request: ApiRequest = {
    model: typeof own === "string" ? own : model,
    max_tokens: MAX_TOKENS,
    messages,
    tools: toolsFor(session.options),
    ...(typeof system === "string" ? { system } : {}),
  };
  try {
    const stream = client.messages.stream(request, { signal });
    let answer = "";
    for await (const { type, index, delta, message } of stream) {
      if (type === "message_start") answer = String((message as { id?: unknown }).id);
      const { type: of, text, thinking } = (delta ?? {}) as Record<string, unknown>;
      const block = `${answer}:${String(index)}`;
      if (of === "text_delta") emit(session, { kind: "piece", of: "text", block, text: String(text) });
      if (of === "thinking_delta")
        emit(session, { kind: "piece", of: "thinking", block, text: String(thinking) });
      await session.room();
    }
    return await stream.finalMessage();
  } catch (error) {
    throw apiFailure(error);
  }
}

/** One after the other, in the order in which the model wants them. */
async function useAll(deps: LoopDeps, session: RunnerSession, uses: readonly ToolUse[]): Promise<object[]> {
  const results: object[] = [];
  for (const { id, name, input } of uses) {
    emit(session, { kind: "tool_call", id, name, input });
    const { content, isError } = await useTool(session, { id, name, input }, deps);
    emit(session, { kind: "tool_result", id, name, content, isError });
    results.push({ type: "tool_result", tool_use_id: id, content, is_error: isError });
  }
  return results;
}

function emit(session: RunnerSession, output: Output): void {
  session.emit({ type: "output", output });
}

function textOf({ content }: ApiMessage): string {
  return content.map((block) => (block.type === "text" ? block.text : "")).join("");
}

function reasonOf({ stop_reason: reason }: ApiMessage, goesOn: boolean): { reason?: string } {
  if (goesOn) return { reason: "max_iterations" };
  return reason === "end_turn" || reason === null ? {} : { reason };
}

/** What the API refused, with its status. */
function apiFailure(error: unknown): Error {
  const { status } = (typeof error === "object" && error !== null ? error : {}) as { status?: unknown };
  const code = status === 401 || status === 403 ? "AGENT_UNAVAILABLE" : "API_ERROR";
  return Object.assign(new Error(errorText(error), { cause: error }), { code });
}
