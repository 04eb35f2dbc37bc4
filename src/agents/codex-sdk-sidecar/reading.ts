import type { Output, Reported } from "../port.ts";
import { quotedError } from "../quoted-error.ts";

/** What is known of a turn by the sidecar's events. */
export type Reading = {
  /** Ends that it will still tell: one, for the turn and every input that it queued, and one for each input that it took as a turn of its own. */
  open: number;
  /** Uses of tools. */
  tools: number;
  texts: number;
  /** The newest text that it called final; it calls every one so. */
  answer: string;
  /** What it called an error. It calls each retry so, and the same failure up to three times, and then says that it ended well: what comes behind it tells. */
  error: { code: string; message: string } | undefined;
};

export const NEW_READING: Reading = { open: 1, tools: 0, texts: 0, answer: "", error: undefined };

/** Says what a turn used, and not the whole thread. */
const OF_THE_TURN: ReadonlySet<string> = new Set(["duration_ms"]);
/** Codex says what a turn used only when it has not failed. */
const ENDED_WELL = "input_tokens";
/** The sum counts cached tokens twice. */
const WRONG = "tokens_used";

/** The state after an event, and what it reports. Pure. */
export function readEvent(before: Reading, event: { type?: unknown; data?: unknown }): [Reading, Reported[]] {
  const data = (typeof event.data === "object" && event.data !== null ? event.data : {}) as Record<
    string,
    unknown
  >;
  switch (event.type) {
    case "header": {
      const { title, model, provider, thread_id: threadId } = data;
      const texts = { title, model: model === "default" ? undefined : model, provider, threadId };
      const given = Object.entries(texts).filter(([, it]) => typeof it === "string");
      return [before, [{ type: "header", ...(Object.fromEntries(given) as Record<string, string>) }]];
    }
    case "output":
      return output(before, data);
    case "metadata": {
      const { key, value } = data;
      if (typeof key !== "string" || key === WRONG) return [before, []];
      const [after, recovered] = key === ENDED_WELL ? recoveredOf(before) : [before, []];
      return [
        after,
        [...recovered, { type: "metadata", key: OF_THE_TURN.has(key) ? key : `thread_${key}`, value }],
      ];
    }
    case "heartbeat":
      return [
        before,
        [{ type: "heartbeat", elapsedS: Number(data["elapsed_s"] ?? 0), done: data["done"] === true }],
      ];
    case "error": {
      const { code, message } = data;
      const error = {
        code: textOf(code) || "SIDECAR_ERROR",
        message: quotedError(textOf(message)) || "the turn failed",
      };
      return [{ ...before, error: before.error ?? error }, []];
    }
    case "exit": {
      const open = before.open - 1;
      if (open > 0) return [{ ...before, open }, []];
      if (before.error !== undefined) return [{ ...before, open }, [{ type: "error", ...before.error }]];
      const final: Reported = { type: "output", output: { kind: "final", text: before.answer } };
      const exitCode = typeof data["exit_code"] === "number" ? data["exit_code"] : null;
      return [{ ...before, open }, [final, { type: "exit", exitCode }, { type: "awaiting_input" }]];
    }
    default:
      return [before, []];
  }
}

function output(before: Reading, { text, kind }: Record<string, unknown>): [Reading, Reported[]] {
  const said = textOf(text).replace(/\n$/, "");
  if (kind !== "final") {
    const outputs = stepOf(said, String(before.tools));
    const tools = outputs.length > 1 ? before.tools + 1 : before.tools;
    return [{ ...before, tools }, outputs.map((it) => ({ type: "output", output: it }))];
  }
  const block = String(before.texts);
  const told: Reported = { type: "output", output: { kind: "text", block, text: said } };
  const [after, recovered] = recoveredOf(before);
  return [{ ...after, texts: before.texts + 1, answer: said }, [...recovered, told]];
}

/** What was called an error was none that the turn ended with. */
function recoveredOf({ error, ...before }: Reading): [Reading, Reported[]] {
  const told: Reported[] = error === undefined ? [] : [{ type: "error", ...error, recoverable: true }];
  return [{ ...before, error: undefined }, told];
}

/** A command that has ended, as the sidecar writes it down. What it said is not passed on. */
const COMMAND = /^Command: ([^]*) \(exit (-?\d+)\)$/;

/** Everything but commands comes as a line for people only. */
function stepOf(text: string, number: string): Output[] {
  const [, command, code] = COMMAND.exec(text) ?? [];
  if (command === undefined) return [{ kind: "other", type: "status", data: { status: "step", text } }];
  const id = `command_${number}`;
  return [
    { kind: "tool_call", id, name: "shell", input: { command } },
    { kind: "tool_result", id, name: "shell", content: `exit code ${code}`, isError: code !== "0" },
  ];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
