import { parseJsonWithin, type JsonLimits } from "../base/json-scan.ts";
import { MAX_SESSION_TOKEN_BYTES } from "../log/schema/session-id.ts";

/** Most sessions in one question. */
export const MOST_ASKED = 500;

/** The longest ids: what has to be escaped here takes more bytes in a token. */
const QUESTION: JsonLimits & { bytes: number } = {
  bytes: MOST_ASKED * (MAX_SESSION_TOKEN_BYTES + 3) + 64,
  depth: 3,
  values: MOST_ASKED + 8,
};
/** Two numbers of at most 16 digits for each session. */
const ANSWER: JsonLimits & { bytes: number } = {
  bytes: MOST_ASKED * 40 + 64,
  depth: 4,
  values: 3 * MOST_ASKED + 8,
};

/** How much of a session waits. A paused session may have nothing, and is here nevertheless. */
export type Amount = { events: number; bytes: number };

/** A relay's word on one session: what waits of it; `none`: nothing does; `unknown`: the relay does not have its shard, or has not read all of it. */
export type SessionWord = Amount | "none" | "unknown";

export function encodeAmountsQuestion(sessions: readonly string[]): string {
  return JSON.stringify({ v: 1, sessions });
}

/** Undefined for anything that is no question of a version we know. */
export function decodeAmountsQuestion(data: Uint8Array): string[] | undefined {
  const { v, sessions } = (parseJsonWithin(data, QUESTION) ?? {}) as { v?: unknown; sessions?: unknown };
  if (v !== 1 || !Array.isArray(sessions) || sessions.length > MOST_ASKED) return undefined;
  return sessions.every((session) => typeof session === "string") ? sessions : undefined;
}

/** In the order of the question: `[events, bytes]`, 0 for nothing, null for unknown. */
export function encodeAmounts(words: readonly SessionWord[]): string {
  const amounts = words.map((word) =>
    word === "none" ? 0 : word === "unknown" ? null : [word.events, word.bytes],
  );
  return JSON.stringify({ v: 1, amounts });
}

/** Undefined unless it is an answer to a question about that many sessions. */
export function decodeAmounts(data: Uint8Array, count: number): SessionWord[] | undefined {
  const { v, amounts } = (parseJsonWithin(data, ANSWER) ?? {}) as { v?: unknown; amounts?: unknown };
  if (v !== 1 || !Array.isArray(amounts) || amounts.length !== count) return undefined;
  const words = amounts.map(wordOf);
  return words.includes(undefined) ? undefined : (words as SessionWord[]);
}

function wordOf(value: unknown): SessionWord | undefined {
  if (value === 0) return "none";
  if (value === null) return "unknown";
  if (!Array.isArray(value)) return undefined;
  const [events, bytes] = value as unknown[];
  if (!isCount(events) || !isCount(bytes)) return undefined;
  return { events, bytes };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
