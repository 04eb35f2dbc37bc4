import { ownCommand } from "../../base/own-command.ts";
import { counted, showAge, showTime } from "../../base/show.ts";
import { standsStill, type SessionStanding } from "./session-standing.ts";

/** Why a session stands still, in one sentence with absolute times. `now`: wall clock. Empty if it does not stand still. Pure. */
export function standingText(row: SessionStanding, now: number): string {
  if (!standsStill(row)) return "";
  const { session, state, attempts, reason, since, nextAt, by } = row;
  const from = since === undefined ? "" : ` since ${showTime(since)} (${showAge(now - since)})`;
  if (state === "paused") return `paused by ${by ?? "an operator"}${from}${after(reason)}`;
  if (state === "parked")
    return `parked by ${by ?? "a relay"}${from}${after(reason)}; waits for \`${ownCommand("resume", "--session", session)}\``;
  const next = nextAt === undefined ? "" : `; next try at ${showTime(nextAt)}`;
  if (attempts === 0) return `waits${from}${after(reason)}${next}`;
  return `failing${from}, ${counted(attempts, "attempt")}; last answer: ${reason}${next}`;
}

function after(reason: string): string {
  return reason === "" ? "" : `: ${reason}`;
}

/** A standing for programs: times as ISO texts in UTC. Pure. */
export type StandingJson = Omit<SessionStanding, "since" | "failedAt" | "nextAt"> & {
  since?: string;
  failedAt?: string;
  nextAt?: string;
};

export function standingJson(standing: SessionStanding): StandingJson {
  const { since, failedAt, nextAt, ...row } = standing;
  return {
    ...row,
    ...(since === undefined ? {} : { since: isoOf(since) }),
    ...(failedAt === undefined ? {} : { failedAt: isoOf(failedAt) }),
    ...(nextAt === undefined ? {} : { nextAt: isoOf(nextAt) }),
  };
}

function isoOf(wall: number): string {
  return new Date(Math.round(wall)).toISOString();
}
