import type { Clock } from "../../shared/base/clock.ts";
import type { Attempt } from "../coordinator/client.ts";
import type { Connections } from "./connections.ts";
import { failingShare, mustYield, slowAfter } from "./share.ts";

type Tracked = { attempt: Attempt; since: number; slow: boolean; tell: () => void };

/** How often attempts under way are looked at. */
const SWEEP_MS = 50;

/** The attempts of all lanes that are under way, and how long a usual one takes. */
export type UnderWay = {
  /** Watches an attempt until the returned function is called; `slow` runs once if it takes suspiciously long. */
  watch(attempt: Attempt, slow: () => void): () => void;
  /** A healthy lane waits for a connection: slow attempts beyond their share end now. */
  makeRoom(): void;
  /** A success that took so long, milliseconds. */
  succeeded(ms: number): void;
};

/** Ends attempts that take too long, and those that must make room for others (`crowded`). */
export function createUnderWay(deps: {
  clock: Clock;
  connections: Pick<Connections, "most">;
  attemptTimeoutMs: number;
  /** Does a healthy lane wait for a connection? */
  crowded: () => boolean;
}): UnderWay {
  const { clock } = deps;
  const attempts = new Set<Tracked>();
  /** How many of them are known to be slow. */
  let slow = 0;
  let typicalMs: number | undefined;
  let sweeping = false;

  function sweep(): void {
    if (sweeping) return;
    sweeping = true;
    clock.after(SWEEP_MS, () => {
      sweeping = false;
      const now = clock.now();
      const limit = slowAfter(typicalMs);
      for (const tracked of attempts) {
        const age = now - tracked.since;
        if (age > deps.attemptTimeoutMs) tracked.attempt.abort("timeout");
        if (age <= limit || tracked.slow) continue;
        tracked.slow = true;
        slow++;
        tracked.tell();
      }
      if (deps.crowded()) makeRoom();
      if (attempts.size > 0) sweep();
    });
  }

  function makeRoom(): void {
    const connections = deps.connections.most();
    if (slow <= failingShare(connections)) return; // the usual case: this is asked at every turn while all connections are busy
    const now = clock.now();
    const all = [...attempts];
    const ages = all.map(({ since }) => now - since);
    for (const index of mustYield(ages, typicalMs, connections)) all[index]?.attempt.abort("yielded");
  }

  return {
    watch(attempt, tell) {
      const tracked: Tracked = { attempt, since: clock.now(), slow: false, tell };
      attempts.add(tracked);
      sweep();
      return () => {
        if (attempts.delete(tracked) && tracked.slow) slow--;
      };
    },
    makeRoom,
    succeeded(ms) {
      typicalMs = typicalMs === undefined ? ms : typicalMs * 0.95 + ms * 0.05;
    },
  };
}
