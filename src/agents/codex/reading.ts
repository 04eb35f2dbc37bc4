import type { Params } from "../json-rpc.ts";
import type { Output, Reported } from "../port.ts";
import { quotedError } from "../quoted-error.ts";
import { begun, dataIn, ended, itemOf, status, textOf } from "./items.ts";

/** What is known of a turn by what the app server has said. */
export type Reading = {
  /** The turn has begun; events before it are of the thread. */
  started: boolean;
  /** Tools that have begun. */
  begun: ReadonlySet<string>;
  /** The newest whole text: at the end it is what the turn came to. */
  answer: string;
  /** Tokens of the whole thread, as it was told last, and before this turn. */
  used: { before: Tokens; now: Tokens } | undefined;
  end: { kind: "completed" } | { kind: "interrupted" } | { kind: "failed"; message: string } | undefined;
};

type Tokens = { input: number; cached: number; output: number };

export const NEW_READING: Reading = {
  started: false,
  begun: new Set(),
  answer: "",
  used: undefined,
  end: undefined,
};

/** The state after a notification, and what it reports. What is not known is shown as a status, or not at all where it says nothing of the turn. Pure. */
export function read(before: Reading, method: string, params: Params): [Reading, Reported[]] {
  switch (method) {
    case "item/agentMessage/delta":
      return [before, [piece("text", params)]];
    case "item/reasoning/summaryTextDelta":
    case "item/reasoning/textDelta":
      return [before, [piece("thinking", params)]];
    case "item/started":
    case "item/completed":
      return item(before, method === "item/completed", params);
    case "thread/tokenUsage/updated":
      return usage(before, params);
    case "turn/started":
      return [{ ...before, started: true }, []];
    case "turn/plan/updated":
      return [before, [output(status("plan", { plan: params["plan"], explanation: params["explanation"] }))]];
    case "warning":
    case "configWarning":
      return [before, [output(status("warning", { message: params["message"] ?? params["summary"] }))]];
    case "error": {
      const { error, willRetry } = params;
      const message = messageOf(error) ?? "the model cannot be reached";
      if (willRetry !== true) return [before, []]; // the turn's end says it
      return [before, [{ type: "error", code: "CODEX_RETRIES", message, recoverable: true }]];
    }
    case "turn/completed":
      return completed(before, params);
    default:
      return [before, []];
  }
}

function item(before: Reading, isOver: boolean, params: Params): [Reading, Reported[]] {
  const it = itemOf(params["item"]);
  if (it === undefined) return [before, []];
  if (!isOver) {
    const said = begun(it);
    const tools = said.length === 0 ? before.begun : new Set(before.begun).add(it.id);
    return [{ ...before, begun: tools }, said.map(output)];
  }
  const answer = it.type === "agentMessage" ? textOf(it["text"]) : before.answer;
  return [{ ...before, answer }, ended(it, before.begun.has(it.id)).map(output)];
}

function usage(before: Reading, params: Params): [Reading, Reported[]] {
  const { total, last } = (params["tokenUsage"] ?? {}) as Record<"total" | "last", unknown>;
  const now = tokensIn(total);
  const { used } = before;
  if (!before.started) return [{ ...before, used: { before: now, now } }, []];
  if (used !== undefined && isSame(used.now, now)) return [before, []]; // it says the same again when a turn is interrupted
  const start = used?.before ?? less(now, tokensIn(last));
  return [{ ...before, used: { before: start, now } }, [output({ kind: "iteration", stopReason: null })]];
}

function tokensIn(of: unknown): Tokens {
  const counts = (of ?? {}) as Record<string, unknown>;
  const count = (name: string): number => Number(counts[name] ?? 0);
  return {
    input: count("inputTokens"),
    cached: count("cachedInputTokens"),
    output: count("outputTokens"),
  };
}

function less(a: Tokens, b: Tokens): Tokens {
  return { input: a.input - b.input, cached: a.cached - b.cached, output: a.output - b.output };
}

function isSame(a: Tokens, b: Tokens): boolean {
  return a.input === b.input && a.output === b.output;
}

function completed(before: Reading, params: Params): [Reading, Reported[]] {
  const { status: how, error } = (params["turn"] ?? {}) as { status?: string; error?: unknown };
  if (how === "interrupted") return [{ ...before, end: { kind: "interrupted" } }, []];
  const used: Reported[] =
    before.used === undefined || isSame(before.used.now, before.used.before)
      ? []
      : [{ type: "metadata", key: "tokens", value: less(before.used.now, before.used.before) }];
  if (how === "failed") {
    const message = messageOf(error) ?? "the turn failed";
    return [
      { ...before, end: { kind: "failed", message } },
      [...used, { type: "error", code: "CODEX_FAILED", message }],
    ];
  }
  const final: Output = {
    kind: "final",
    text: before.answer,
    ...dataIn(before.answer, params["wantsData"] === true),
  };
  return [{ ...before, end: { kind: "completed" } }, [...used, output(final), { type: "awaiting_input" }]];
}

function piece(of: "text" | "thinking", { itemId, delta }: Params): Reported {
  return output({ kind: "piece", of, block: textOf(itemId), text: textOf(delta) });
}

function output(it: Output): Reported {
  return { type: "output", output: it };
}

function messageOf(error: unknown): string | undefined {
  const { message } = typeof error === "object" && error !== null ? (error as { message?: unknown }) : {};
  return typeof message === "string" ? quotedError(message) : undefined;
}
