import type { Clock } from "../../shared/base/clock.ts";
import { sharesOf, turnsOf } from "./shares.ts";

/** Four beats missed. */
const DEAD_MS = 2000;
/** What a relay says that publishes briefs (ADR 0059). Relays of before say something else. */
const BRIEFS = "here, with briefs";
/** What one says that shares by {@link sharesOf}, too. */
export const HERE: string = `${BRIEFS} and shares`;

/** The relays that are there, as far as one of them heard. */
export type Roll = {
  heard(relay: string, says: string): void;
  left(relay: string): void;
  /** The relay that should own each shard, by its number. The same list until that changes. */
  owners(): readonly string[];
  /** Does another relay run that publishes no briefs? */
  wholeOnly(this: void): boolean;
};

export function createRoll({
  clock,
  relay,
  shardCount,
}: {
  clock: Clock;
  relay: string;
  shardCount: number;
}): Roll {
  const seen = new Map<string, { at: number; says: string }>();
  let owners: readonly string[] = [];
  let sharers = "";

  return {
    heard: (other, says) => void seen.set(other, { at: clock.now(), says }),
    left: (other) => void seen.delete(other),
    owners() {
      const now = clock.now();
      for (const [other, { at }] of seen) if (now - at > DEAD_MS) seen.delete(other);
      const relays = [relay, ...seen.keys()].sort();
      const agree = [...seen.values()].every(({ says }) => says === HERE);
      const together = `${agree} ${relays.join(" ")}`;
      if (together !== sharers) owners = (agree ? sharesOf : turnsOf)(relays, shardCount);
      sharers = together;
      return owners;
    },
    wholeOnly: () => [...seen.values()].some(({ says }) => !says.startsWith(BRIEFS)),
  };
}
