import type { Output, Reported } from "../port.ts";
import { quotedError } from "../quoted-error.ts";
import { begun, dataIn, ended, itemOf, textOf } from "./items.ts";

/** What is known of a turn by the lines of `codex exec --json`. */
export type ExecReading = {
  begun: ReadonlySet<string>;
  answer: string;
  end: "completed" | "failed" | undefined;
  /** A schema was asked for. */
  wantsData: boolean;
};

export function newExecReading(wantsData: boolean): ExecReading {
  return { begun: new Set(), answer: "", end: undefined, wantsData };
}

/** The state after a line, and what it reports. Pure. */
export function readExec(
  before: ExecReading,
  line: Readonly<Record<string, unknown>>,
): [ExecReading, Reported[]] {
  const { type } = line;
  switch (type) {
    case "thread.started":
      return [
        before,
        [{ type: "header", title: "Codex", provider: "OpenAI", threadId: textOf(line["thread_id"]) }],
      ];
    case "item.started":
    case "item.completed": {
      const item = itemOf(line["item"]);
      if (item === undefined) return [before, []];
      if (type === "item.started") {
        const said = begun(item);
        const tools = said.length === 0 ? before.begun : new Set(before.begun).add(item.id);
        return [{ ...before, begun: tools }, said.map(output)];
      }
      const answer = item.type === "agentMessage" ? textOf(item["text"]) : before.answer;
      return [{ ...before, answer }, ended(item, before.begun.has(item.id)).map(output)];
    }
    case "turn.completed": {
      // of the whole thread, as its name says: Codex does not tell what this turn used
      const used: Reported = { type: "metadata", key: "thread_tokens", value: line["usage"] };
      const final = output({
        kind: "final",
        text: before.answer,
        ...dataIn(before.answer, before.wantsData),
      });
      return [{ ...before, end: "completed" }, [used, final, { type: "awaiting_input" }]];
    }
    case "turn.failed": {
      const { message } = (line["error"] ?? {}) as { message?: unknown };
      const failed: Reported = {
        type: "error",
        code: "CODEX_FAILED",
        message: quotedError(textOf(message)) || "the turn failed",
      };
      return [{ ...before, end: "failed" }, before.end === undefined ? [failed] : []];
    }
    case "error": {
      // it tries again, or says with the next line that the turn failed
      const retries: Reported = {
        type: "error",
        code: "CODEX_RETRIES",
        message: textOf(line["message"]),
        recoverable: true,
      };
      return [before, [retries]];
    }
    default:
      return [before, []];
  }
}

function output(it: Output): Reported {
  return { type: "output", output: it };
}
