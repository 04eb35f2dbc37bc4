import { durability } from "../cluster/durability.ts";
import { elections } from "../cluster/elections.ts";
import { hung } from "../cluster/hung.ts";
import { inProcess } from "../cluster/in-process.ts";
import { operators } from "../cluster/operators.ts";
import { pruning } from "../cluster/pruning.ts";
import { sessionLimit } from "../cluster/session-limit.ts";
import type { Report } from "../report.ts";

// ../cluster/home.ts is what is disturbed; one file there for each play

type Play = (options: { seed: number; rounds: number }, report: Report) => Promise<void>;

const PLAYS: Record<string, Play> = {
  elections: ({ seed, rounds }, report) =>
    elections(
      { seed, kills: Math.min(rounds, 6), writers: 20, perSecond: 2, waitS: 10, awayMs: 500, calmMs: 3000 },
      report,
    ),
  hung: ({ seed, rounds }, report) =>
    hung(
      {
        seed,
        rounds: Math.min(rounds, 1),
        sessions: 24,
        perSecond: 4,
        hungMs: 20_000,
        noticedMs: 8000,
        calmMs: 3000,
      },
      report,
    ),
  "in-process": ({ seed, rounds }, report) =>
    inProcess(
      { seed, rounds: Math.min(rounds, 8), sessions: 24, perSecond: 4, aloneMs: 3600, calmMs: 4000 },
      report,
    ),
  pruning: ({ seed, rounds }, report) =>
    pruning(
      { seed, rounds: Math.min(rounds, 9), sessions: 24, perSecond: 4, behindMs: 6000, calmMs: 2000 },
      report,
    ),
  durability: (_options, report) => durability(report),
  "session-limit": (_options, report) =>
    sessionLimit({ limit: 60, sent: 140, perSecond: 20, sessions: 10 }, report),
  operators: (_options, report) => operators(report),
};

export const CLUSTER_PLAYS: readonly string[] = Object.keys(PLAYS);

/** Three servers that replicate, and what was found wrong with them first. */
export async function cluster(
  { play, ...options }: { play: string | undefined; seed: number; rounds: number },
  report: Report,
): Promise<void> {
  for (const [name, run] of Object.entries(PLAYS)) {
    if (play !== undefined && play !== name) continue;
    report.note("play", name);
    await run(options, report);
  }
}
