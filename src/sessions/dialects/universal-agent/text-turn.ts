import { createHash } from "node:crypto";
import type { TurnRequest } from "./command.ts";

/** How long after its success the same text counts as sent again by accident, as the program has it. */
export const REPEAT_MS = 120_000;

/** What is known of a turn. */
export type TurnStanding =
  | { kind: "unknown" }
  | { kind: "open" }
  /** `at`: wall clock, milliseconds since 1970. */
  | { kind: "ended"; outcome: string; at: number };

/**
 * The id of a turn whose client gave none, where the same text is not to run twice: made of the text, so that every server knows it again, also after a restart. `n` counts
 * the turns of this text in the session, from 1. Pure.
 */
export function textTurnId({ user_input, force_complex }: TurnRequest, n: number): string {
  const text = JSON.stringify([user_input, force_complex]);
  return `text_${createHash("sha256").update(text).digest("base64url").slice(0, 22)}_${n}`;
}

/** Is the text of this turn, asked for again, a new turn? Pure. */
export function isRepeat(standing: TurnStanding, now: number): boolean {
  if (standing.kind !== "ended") return standing.kind === "open";
  return standing.outcome === "finished" && now - standing.at <= REPEAT_MS;
}

/**
 * The number of the newest turn of a text, 0 if there is none: numbers are given one after the other, so that it is found in steps that double, then halve. A text is
 * seldom sent more than a few times.
 */
export async function newestOf(exists: (n: number) => Promise<boolean>): Promise<number> {
  let [low, high] = [0, 1];
  while (await exists(high)) [low, high] = [high, high * 2];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await exists(middle)) low = middle;
    else high = middle;
  }
  return low;
}
