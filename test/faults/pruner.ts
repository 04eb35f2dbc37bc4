import { setTimeout as delay } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/nats-core";
import { systemClock } from "../../src/shared/base/clock.ts";
import { errorText } from "../../src/shared/base/errors.ts";
import { runPrune } from "../../src/shared/log/prune.ts";
import { openControl } from "../../src/shared/log/state/control.ts";
import type { Random } from "./random.ts";
import type { Report } from "./report.ts";

/** Prunes all the time, and pauses and resumes sessions, so that some are always held: their events are acknowledged and not settled. */
export type Pruner = {
  /** Resumes everything and tells what was done. */
  stop(report: Report): Promise<void>;
};

export type PrunerOptions = {
  retentionMs: number;
  everyMs: number;
  sessions: readonly string[];
  /** How long a session is paused. */
  pausedMs: number;
  random: Random;
};

export function startPruner(
  { prune, operator }: { prune: NatsConnection; operator: NatsConnection },
  { retentionMs, everyMs, sessions, pausedMs, random }: PrunerOptions,
): Pruner {
  const stopped = new AbortController();
  const failures = new Map<string, number>();
  let runs = 0;
  let removed = 0;
  let pauses = 0;
  let removing = 0;

  async function attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      const text = errorText(error);
      failures.set(text, (failures.get(text) ?? 0) + 1);
      return false;
    }
  }

  async function keepPruning(): Promise<void> {
    while (!stopped.signal.aborted) {
      await attempt(async () => {
        const pruned = await runPrune(prune, { retentionMs, clock: systemClock });
        runs++;
        removed += pruned.removed;
        if (pruned.removed > 0) removing++;
      });
      await delay(everyMs);
    }
  }

  async function keepPausing(): Promise<void> {
    const control = await openControl(operator, systemClock);
    while (!stopped.signal.aborted) {
      const session = sessions[Math.floor(random.next() * sessions.length)] as string;
      if (!(await attempt(async () => void (await control.pauseSession(session, "held beside a prune")))))
        continue;
      pauses++;
      await delay(pausedMs);
      while (!(await attempt(async () => void (await control.resumeSession(session))))) await delay(everyMs);
    }
  }

  const working = Promise.all([keepPruning(), keepPausing()]);
  working.catch(() => undefined); // `stop` tells
  return {
    async stop(report) {
      stopped.abort();
      await working;
      report.check(
        "prunes, those that removed something, events removed",
        removing > 0,
        `${runs}, ${removing}, ${removed}`,
      );
      report.note("sessions paused and resumed beside them", String(pauses));
      const shown = Array.from(failures, ([text, count]) => `${count} × ${text}`);
      report.note("prunes and pauses that failed", shown.join("; ") || "0");
    },
  };
}

/** A checkpoint is written twice a second, and a held session joins again a moment after its release. */
const EMPTY_MS = 15_000;

/** Everything is settled: nothing may stay. */
export async function pruneAll(
  prune: NatsConnection,
  messages: () => Promise<number>,
  report: Report,
): Promise<void> {
  let left = Infinity;
  for (const end = performance.now() + EMPTY_MS; left > 0 && performance.now() < end; await delay(500)) {
    await runPrune(prune, { retentionMs: 1, clock: systemClock });
    left = await messages();
  }
  report.check("events left when everything is settled", left === 0, String(left));
}
