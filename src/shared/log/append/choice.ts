import { createPrice } from "./price.ts";

/** The broker takes at most this many messages in one atomic batch. */
export const MAX_BATCH = 1000;
/** A batch is staged in the broker and waits in our socket: a few MiB keep both small. */
export const MAX_BATCH_BYTES: number = 4 * 1024 * 1024;
/** Singles sent side by side: enough to hide the round trip, far below the 10,000 that the broker buffers for a stream. */
export const MAX_SINGLES = 256;

/** Round trip of a publish without the work on it, milliseconds. Measured 0.15-0.25 on one machine. */
const ROUND_TRIP_MS = 0.2;
/** What a message costs as a single: one fsync, or none. ADR 0003 has the figures. Slow disks need 5 ms for an fsync. */
const SINGLE_MS = {
  synced: { guess: 0.25, least: 0.01, most: 5 },
  unsynced: { guess: 0.02, least: 0.01, most: 5 },
};
/**
 * What any batch costs, because the broker opens a store for it and syncs that. 0.7 ms if it stages in memory, 2 to 3.5 on a disk (ADR 0054). Where writes
 * are synced, the guess is low: then the first batch tells. Where they are not, a batch seldom pays.
 */
const BATCH_MS = {
  synced: { guess: 0.8, least: 0.3, most: 25 },
  unsynced: { guess: 3.5, least: 0.3, most: 25 },
};
/** And so much per message, wherever it is staged. Without it, batches of hundreds look cheaper than singles that are not synced. */
const BATCH_MESSAGE_MS = 0.01;
/** Fewer singles measure the round trip and not the broker; and fewer writes are not used to try the other way. */
const LEAST_TO_MEASURE = 4;
/** Share of the time of commits that trying the other way may cost. */
const TRYING_SHARE = 0.01;
/** Most that one try may cost more, milliseconds: nobody should notice it. A stall's price is forgotten until then. */
const MOST_TRYING_MS = 25;

/** Chooses how to commit what waits: singles side by side, or one atomic batch. */
export type Choice = {
  /**
   * @param waiting - writes that wait
   * @param rounds - round trips that singles need: the most writes of one session among them, or 1 if those may go side by side
   */
  of(waiting: number, rounds: number): "singles" | "batch";
  /** Tells how long a commit took. */
  took(mode: "singles" | "batch", count: number, rounds: number, ms: number): void;
};

/**
 * The cheaper of the two, by what they cost lately. It is measured, because nothing tells the settings of a user's own broker, where a broker stages
 * batches may change while it runs, and disks differ. What is not used is not measured, so once in a while the other way is tried: as soon as one
 * percent of the time since the last try pays for what it is expected to cost more.
 */
export function createChoice(synced: boolean): Choice {
  const known = synced ? "synced" : "unsynced";
  const single = createPrice(SINGLE_MS[known]);
  const batch = createPrice(BATCH_MS[known]);
  let saved = 0;
  return {
    of(waiting, rounds) {
      if (waiting === 1) return "singles";
      const singles = rounds * ROUND_TRIP_MS + waiting * single.now();
      const more = singles - (batch.now() + waiting * BATCH_MESSAGE_MS);
      const cheaper = more <= 0 ? "singles" : "batch";
      if (waiting < LEAST_TO_MEASURE || Math.abs(more) > saved) return cheaper;
      saved = 0;
      return cheaper === "singles" ? "batch" : "singles";
    },
    took(mode, count, rounds, ms) {
      if (count < LEAST_TO_MEASURE) return;
      if (mode === "batch") batch.add(ms - count * BATCH_MESSAGE_MS);
      else single.add((ms - rounds * ROUND_TRIP_MS) / count);
      (mode === "batch" ? single : batch).forget();
      saved = Math.min(MOST_TRYING_MS, saved + ms * TRYING_SHARE);
    },
  };
}
