import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { usableRunnerId } from "../../shared/messages/runner-call.ts";
import type { KeptList } from "./kept-list.ts";

/** Most removals that are kept. A gateway has a few runners, so more of them have made-up ids. The oldest is dropped; the coordinator forgets a silent runner by itself. */
const MOST_KEPT = 100;

/** A runner whose removal waits here, and since when: wall clock, milliseconds since 1970. */
export type KeptRemoval = { runner: string; since: number };

export function isKeptRemoval(value: unknown): value is KeptRemoval {
  if (typeof value !== "object" || value === null) return false;
  const { runner, since } = value as Partial<Record<keyof KeptRemoval, unknown>>;
  return usableRunnerId(runner) !== undefined && Number.isFinite(since);
}

/** The removals that are kept here, in memory and in the gateway's file. */
export type KeptRemovals = {
  size(): number;
  /** Runners, and since when their removals wait. A removal that is dropped during a walk is left out. */
  all(): Iterable<[runner: string, since: number]>;
  list: () => KeptRemoval[];
  add(runner: string): void;
  /** Forgets a removal, and logs why. */
  drop(runner: string, why: string): void;
};

export function createKeptRemovals(deps: {
  kept: KeptList<KeptRemoval>;
  clock: Clock;
  logger: Logger;
}): KeptRemovals {
  const { kept, clock, logger } = deps;
  const removals = new Map(kept.read().map(({ runner, since }) => [runner, since]));
  const list = (): KeptRemoval[] => Array.from(removals, ([runner, since]) => ({ runner, since }));

  return {
    size: () => removals.size,
    all: () => removals,
    list,
    add(runner) {
      removals.set(runner, clock.wall());
      const [oldest] = removals.keys();
      if (removals.size > MOST_KEPT && oldest !== undefined) removals.delete(oldest);
      kept.write(list());
    },
    drop(runner, why) {
      if (!removals.delete(runner)) return;
      kept.write(list());
      logger.info({ runner }, why);
    },
  };
}
