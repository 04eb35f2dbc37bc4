import { appendFileSync, existsSync, readFileSync } from "node:fs";
import type { Acknowledged, Arrival } from "../checker.ts";

// A history is NDJSON: one line for everything that executors were told, that the coordinator saw and that was done, in the order in which this program knew it.

/** What was tested, how, and when a piece of the run began. */
export type RunLine = {
  is: "run";
  piece: number;
  subject: string;
  control?: string;
  seed: number;
  /** ISO date and time. */
  date: string;
  versions: Record<string, string>;
  settings: string;
};

/** Moments are wall clock, milliseconds since 1970. */
export type Line =
  | RunLine
  /** A round begins. Its sessions are named `p<piece>r<round>-<n>`. */
  | { is: "round"; piece: number; round: number; nemeses: string[]; forMs: number; at: number }
  /** A nemesis begins or is over. */
  | { is: "fault"; what: "begins" | "over"; at: number }
  /** An executor got a 2xx. */
  | ({ is: "ack"; status: number; attempts: number; at: number } & Acknowledged)
  /** An executor got another answer. */
  | { is: "refused"; marker: string; status: number; at: number }
  /** Attempts without an answer, by reason. */
  | { is: "unanswered"; reasons: Record<string, number> }
  /** A request at the coordinator. */
  | ({ is: "arrival"; status: number } & Arrival)
  /** The subject put an event aside. */
  | { is: "dead"; marker: string }
  /** A round is over, and was watched to its end. `settled`: everything acknowledged was delivered or is a dead letter. */
  | { is: "done"; round: number; at: number; settled: boolean; settleMs: number };

/** A history file that grows. */
export function openHistory(file: string): { add(this: void, lines: readonly Line[]): void } {
  return {
    add(lines) {
      if (lines.length > 0) appendFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    },
  };
}

/** Lines of a history file; none if there is no file. A line that was cut by the end of its program is left out. */
export function readHistory(file: string): Line[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((text): Line[] => {
      try {
        return text === "" ? [] : [JSON.parse(text) as Line];
      } catch {
        return [];
      }
    });
}

/** What the newest piece of a run wrote. Pure. */
export function lastPiece(lines: readonly Line[]): Line[] {
  return lines.slice(
    Math.max(
      0,
      lines.findLastIndex(({ is }) => is === "run"),
    ),
  );
}

/** Name of a session of a round. */
export function sessionOf(piece: number, round: number, n: number): string {
  return `${roundKey(piece, round)}-${n}`;
}

/** What the names of a round's sessions begin with. */
export function roundKey(piece: number, round: number): string {
  return `p${piece}r${round}`;
}
