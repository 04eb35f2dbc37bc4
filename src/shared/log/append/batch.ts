import type { Entry } from "./entry.ts";
import type { Trying } from "./trying.ts";

/** Commits all at once. Returns what is left for singles: nothing, or everything that was not given up. */
export async function asBatch(trying: Trying, entries: Entry[]): Promise<Entry[]> {
  const { log, numbering, outcomes, patience, choice, clock, logger, report } = trying;
  let left = entries;
  for (;;) {
    left = await patience.whileDown(left);
    if (left.length === 0) return left;
    const from = clock.now();
    const ack = await log.batch(
      left.map((entry) => numbering.messageOf(entry)),
      patience.timeoutFor(left),
    );
    const ms = clock.now() - from;
    const count = left.length;
    switch (ack.kind) {
      case "stored":
        choice.took("batch", count, 1, ms);
        report?.({ mode: "batch", count, ms });
        left.forEach((entry, i) => outcomes.stored(entry, ack.firstSeq + i, false));
        return [];
      case "refused":
        logger.debug(
          { count, detail: ack.detail },
          "the broker refused a batch; storing its events one by one",
        );
        return left;
      case "unknown":
        logger.warn({ count, ms: Math.round(ms), detail: ack.detail }, "the outcome of a batch is unknown");
        for (const entry of left) entry.uncertain ??= entry.numbered?.number;
        left = await patience.afterFailure(left, ack.detail);
    }
  }
}
