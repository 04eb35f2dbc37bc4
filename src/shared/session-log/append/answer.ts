/** What the broker says to an append that names the sequence after which it must come. */
export type Answer =
  | { kind: "stored"; seq: number }
  /** Another event of the owner lies there already: one of somebody else, or this one, sent before. */
  | { kind: "conflict" }
  | { kind: "refused"; full: boolean; detail: string }
  /** It may be stored or not. */
  | { kind: "unknown"; detail: string };

/** The condition does not hold (10071), or cannot be decided while another append (10164) or an earlier try of this one (10158) is in flight between servers. */
const CONFLICTS: ReadonlySet<number | undefined> = new Set([10071, 10158, 10164]);
/** No room: in the stream (10077), or in the account or server. */
const NO_ROOM: ReadonlySet<number | undefined> = new Set([10077, 10023, 10028, 10047]);

type PubAck = { seq?: unknown; error?: { code?: number; err_code?: number; description?: string } };

/** Reads the broker's answer. Pure. */
export function answerOf(text: string): Answer {
  const ack = parse(text);
  if (ack === undefined) return { kind: "unknown", detail: "the broker's answer cannot be read" };
  const { error, seq } = ack;
  if (error === undefined) {
    if (typeof seq === "number" && seq > 0) return { kind: "stored", seq };
    return { kind: "unknown", detail: "the broker's answer names no sequence" };
  }
  const detail = `${error.description ?? "no description"} (${error.err_code ?? error.code ?? 0})`;
  if (CONFLICTS.has(error.err_code)) return { kind: "conflict" };
  if (NO_ROOM.has(error.err_code)) return { kind: "refused", full: true, detail };
  const { code = 0 } = error;
  if (code === 408 || code === 429 || code >= 500) return { kind: "unknown", detail };
  return { kind: "refused", full: false, detail };
}

function parse(text: string): PubAck | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The newest event of a session's owner as its leader has it. */
export type Newest = { seq: number; messageId: string };

export type Recognised =
  | { kind: "stored"; seq: number }
  /** It is not there. It may still be on its way, but then one of the two is refused. */
  | { kind: "missing" }
  /** Somebody else wrote: this process is not the owner any more. */
  | { kind: "overtaken"; by: number };

/**
 * What became of an append that came after `expected`, if `newest` is the owner's newest event now. The broker compares sequences before message ids, so
 * that a repeat of what is stored is a conflict as well, and only this tells the two apart. Pure.
 */
export function recognise(messageId: string, expected: number, newest: Newest | undefined): Recognised {
  const seq = newest?.seq ?? 0;
  if (newest?.messageId === messageId) return { kind: "stored", seq };
  return seq === expected ? { kind: "missing" } : { kind: "overtaken", by: seq };
}
