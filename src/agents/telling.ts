import type { AgentEnd, AgentType } from "./agent.ts";
import { cut, fitting, textParts, RESULT_CHARS } from "./fit.ts";
import type { Output, RunnerEvent } from "./port.ts";

// What the callbacks of a runner are in the log of its session, as one decision: `tell` says what an event adds, `endOf` how the turn ended.

/** Something for the log. */
export type Told =
  | { kind: "piece"; type: "text" | "thinking"; block: string; text: string }
  | { kind: "event"; type: AgentType; data: Record<string, unknown> };

/** What is known of a turn by its events. */
export type Telling = {
  runner: string;
  /** Blocks that were said, as `type block`. */
  blocks: ReadonlySet<string>;
  /** Anything of a text was said. */
  spoke: boolean;
  /** What the turn came to, until it is known that it ended with that. */
  final: { text: string; data?: unknown } | undefined;
  threadId: string | undefined;
  /** The back end named the conversation in this turn: it is kept. */
  bound: boolean;
  /** What ended it; the first one counts. */
  end: { kind: "answered"; reason?: string } | { kind: "failed" } | undefined;
};

/** `threadId`: as it was known before the turn. */
export function newTelling(runner: string, threadId: string | undefined): Telling {
  return {
    runner,
    blocks: new Set(),
    spoke: false,
    final: undefined,
    threadId,
    bound: false,
    end: undefined,
  };
}

/** Most characters of the answer that the turn's end repeats: the log keeps room for ends. */
const ANSWER_CHARS: number = 16 * 1024;

/** The state after an event of a runner, and what it adds to the log. Pure. */
export function tell(before: Telling, event: RunnerEvent): [Telling, Told[]] {
  switch (event.type) {
    case "output":
      return output(before, event.output);
    case "header": {
      const { title, model, provider, threadId } = event;
      const named = before.bound || threadId === "unknown" ? undefined : threadId;
      const known = named ?? before.threadId;
      const data = { ...given({ title, model, provider, thread_id: known }), runner: before.runner };
      const bound = before.bound || named !== undefined;
      return [{ ...before, threadId: known, bound }, [one("session_info", data)]];
    }
    case "error": {
      const { code, message, recoverable, details } = event;
      const told = one("error", { ...details, code, message, ...given({ recoverable }) });
      if (recoverable === true) return [before, [told]];
      const [state, held] = flush(before);
      return [{ ...state, end: before.end ?? { kind: "failed" } }, [...held, told]];
    }
    case "exit": {
      const { exitCode } = event;
      if (exitCode === 0 || exitCode === null || before.end !== undefined) return [before, []];
      return tell(before, {
        type: "error",
        code: "RUNNER_EXIT",
        message: `the agent ended with ${exitCode}`,
      });
    }
    case "awaiting_input": {
      if (before.end !== undefined) return [before, []];
      const [state, held] = flush(before);
      return [{ ...state, end: { kind: "answered", ...given({ reason: event.reason }) } }, held];
    }
    case "metadata":
      return [before, [one("usage", { [event.key]: event.value })]];
    case "heartbeat": // somebody who watches hears of the server that it is there; the log would only grow
    case "permission_request": // the log has them from those that ask and answer
    case "permission_resolved":
      return [before, []];
  }
}

/** How the turn ended that said all this. What an error said is in the log. Pure. */
export function endOf({ end, final }: Telling): AgentEnd {
  if (end?.kind === "failed") return { outcome: "failed" };
  const reason = end?.reason;
  const answer = final === undefined ? {} : cut("result_text", final.text, ANSWER_CHARS);
  return { outcome: "finished", data: { ...given({ reason }), ...answer } };
}

function output(before: Telling, it: Output): [Telling, Told[]] {
  switch (it.kind) {
    case "piece": {
      if (it.text === "") return [before, []];
      return [withBlock(before, it.of, it.block), pieces(it.of, it.block, it.text)];
    }
    case "text":
    case "thinking": {
      if (it.text === "" || before.blocks.has(`${it.kind} ${it.block}`)) return [before, []];
      return [withBlock(before, it.kind, it.block), pieces(it.kind, it.block, it.text)];
    }
    case "tool_call": {
      const { id, name, input } = it;
      return [before, [one("tool_call", { id, name, ...fitting("input", input) })]];
    }
    case "tool_result": {
      const { id, name, content, isError } = it;
      const said = cut("content", content, RESULT_CHARS);
      return [
        before,
        [one("tool_result", { tool_use_id: id, ...given({ name }), ...said, is_error: isError })],
      ];
    }
    case "iteration":
      return [before, [one("iteration_end", { stop_reason: it.stopReason })]];
    case "final":
      return [{ ...before, final: { text: it.text, ...("data" in it ? { data: it.data } : {}) } }, []];
    case "other":
      return [before, [one(it.type, it.data)]];
  }
}

/** What the turn came to is said when it is known that it ended with that: only what its texts have not said. */
function flush(before: Telling): [Telling, Told[]] {
  const { final, spoke } = before;
  if (final === undefined) return [before, []];
  const text = spoke || final.text === "" ? [] : pieces("text", "final", final.text);
  const data =
    "data" in final ? [one("work_product", { kind: "result", ...fitting("data", final.data) })] : [];
  return [{ ...before, spoke: spoke || text.length > 0 }, [...text, ...data]];
}

function withBlock(before: Telling, of: "text" | "thinking", block: string): Telling {
  const name = `${of} ${block}`;
  if (before.blocks.has(name)) return before;
  return { ...before, blocks: new Set(before.blocks).add(name), spoke: before.spoke || of === "text" };
}

function one(type: AgentType, data: Record<string, unknown>): Told {
  return { kind: "event", type, data };
}

function pieces(type: "text" | "thinking", block: string, text: string): Told[] {
  return textParts(text).map((part) => ({ kind: "piece", type, block, text: part }));
}

/** Only what is there. */
function given<T extends Record<string, unknown>>(of: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
