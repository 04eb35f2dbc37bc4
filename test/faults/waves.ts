import { startLoad, type Call } from "./load.ts";
import type { Random } from "./random.ts";

/** Executors that come and go: each wave has sessions of its own. */
export type Waves = {
  url: () => string;
  random: Random;
  sessions: number;
  /** Events a second of each session. */
  perSecond: number;
  /** Length of a wave. */
  seconds: number;
  /** Half of them do not wait for the coordinator. */
  async?: boolean;
};

/** Plays one wave after the other while `more` says so of the next one, counted from 0. Returns what was acknowledged. */
export async function playWaves(
  { url, random, sessions, perSecond, seconds, async = false }: Waves,
  more: (wave: number) => boolean,
): Promise<Call[]> {
  const calls: Call[] = [];
  for (let wave = 0; more(wave); wave++) {
    const writers = Array.from({ length: sessions }, (_, i) => ({
      session: `w${wave}-${i}`,
      perSecond,
      async: async && i % 2 === 0,
      events: seconds * perSecond,
    }));
    const load = startLoad({ url, random, writers });
    await load.finished();
    calls.push(...load.calls);
  }
  return calls;
}
