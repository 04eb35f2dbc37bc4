/** The broker takes at most this many messages in one atomic batch. */
export const MAX_BATCH = 1000;
/** A batch is staged in the broker and waits in our socket: a few MiB keep both small. */
export const MAX_BATCH_BYTES: number = 4 * 1024 * 1024;
/** Singles sent side by side: enough to hide the round trip, far below the 10,000 that the broker buffers for a stream. */
export const MAX_SINGLES = 256;

/** Round trip of a publish without the work on it, milliseconds. Measured 0.15-0.25 on one machine. */
const ROUND_TRIP_MS = 0.2;
/** What a single costs before anything was measured: one fsync, or none. ADR 0003 has the figures. */
const FIRST_SINGLE_MS = { synced: 0.25, unsynced: 0.02 };
/** A batch of any size costs about this: the broker opens and syncs a store for it. */
const FIRST_BATCH_MS = 3.5;
/** And so much per message: the table of ADR 0003 gives 0.013 to 0.02. Without it, batches of hundreds look cheaper than singles that are not synced. */
const BATCH_MESSAGE_MS = 0.015;
/** No wave is quicker; an estimate of nothing could never grow again. */
const MIN_SINGLE_MS = 0.01;
const LEAST_BATCH_MS = 1;
/**
 * Weight of a new measurement, by whether it is below or above the estimate. Unequal, because a busy event loop makes everything look slow:
 * the quick ones tell what the broker needs.
 */
const WEIGHT = { below: 0.3, above: 0.05 };
/** Part of the way back to the other way's first guess that every commit makes: a stall must rule out neither way for ever. */
const FORGET = 0.02;
/** One stalled commit says nothing about the next: at most this many times the estimate counts. */
const MAX_FACTOR = 2;

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
 * The cheaper of the two, by what they cost lately: with an fsync per message a batch wins from about 14 writes on, without it singles
 * win always. It is measured, because nothing tells the settings of a user's own broker, and disks differ.
 */
export function createChoice(synced: boolean): Choice {
  const firstSingleMs = synced ? FIRST_SINGLE_MS.synced : FIRST_SINGLE_MS.unsynced;
  let singleMs = firstSingleMs;
  let batchMs = FIRST_BATCH_MS;
  return {
    of(waiting, rounds) {
      if (waiting === 1) return "singles";
      const batch = batchMs + waiting * BATCH_MESSAGE_MS;
      return rounds * ROUND_TRIP_MS + waiting * singleMs <= batch ? "singles" : "batch";
    },
    took(mode, count, rounds, ms) {
      if (mode === "batch") {
        batchMs = moved(batchMs, Math.max(LEAST_BATCH_MS, ms - count * BATCH_MESSAGE_MS));
        singleMs += FORGET * (firstSingleMs - singleMs);
      } else if (count >= 4) {
        singleMs = moved(singleMs, Math.max(MIN_SINGLE_MS, (ms - rounds * ROUND_TRIP_MS) / count));
        batchMs += FORGET * (FIRST_BATCH_MS - batchMs);
      }
    },
  };
}

function moved(estimate: number, measured: number): number {
  const weight = measured < estimate ? WEIGHT.below : WEIGHT.above;
  return estimate + weight * (Math.min(measured, MAX_FACTOR * estimate) - estimate);
}
