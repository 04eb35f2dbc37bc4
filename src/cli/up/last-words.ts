import { CodedError, ERRORS, type ErrorCode } from "../../shared/base/errors.ts";

/** Why a process of ours ended, as its own last log line says. */
export type LastWords = { code: ErrorCode; text: string };

/** Level of the line with which our processes end. */
const FATAL = '"level":60';

/** The reason in a process's log lines; undefined if there is none. Pure. */
export function lastWordsIn(text: string): LastWords | undefined {
  for (const line of text.split("\n").toReversed()) {
    if (!line.includes(FATAL)) continue;
    const words = wordsOf(line);
    if (words !== undefined) return words;
  }
  return undefined;
}

function wordsOf(line: string): LastWords | undefined {
  try {
    const { level, code, msg } = JSON.parse(line) as Record<string, unknown>;
    if (level !== 60 || typeof code !== "string" || typeof msg !== "string") return undefined;
    return Object.hasOwn(ERRORS, code) ? { code: code as ErrorCode, text: msg } : undefined;
  } catch {
    return undefined;
  }
}

/** A process ended and is not started again. The code and the message are its own reason, or else say how it ended. */
export class ChildError extends CodedError {
  /** Its exit code, which says whether starting everything again would help. */
  readonly exit: number | null;

  constructor(
    name: string,
    end: { code: number | null; signal: NodeJS.Signals | null; words: LastWords | undefined },
  ) {
    const { code, signal, words } = end;
    super(
      words?.code ?? "child_failed",
      words?.text ?? `${name} ended with ${signal ?? `code ${code}`}; it says why above`,
    );
    this.exit = code;
  }
}
