import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { readDeadLetter } from "./dead-letters.ts";
import { mayNote, noteDropped } from "./dropped.ts";
import { MOST_AT_ONCE, removing, type Remove } from "./removals.ts";

/** Concurrent deletions. */
const DROPS = 16;

/**
 * Removes dead letters by their sequences in the stream of dead letters, oldest first, as long as `goesOn` says, and remembers it for the receipts of their
 * events. Returns how many were there; `dropped` hears of each.
 */
export async function dropDeadLetters(
  deps: { nc: NatsConnection; jsm: JetStreamManager },
  seqs: readonly number[],
  {
    dropped = () => undefined,
    goesOn = () => true,
  }: { dropped?: (count: number) => void; goesOn?: () => boolean } = {},
): Promise<number> {
  let count = 0;
  for (let i = 0; i < seqs.length && goesOn(); i += MOST_AT_ONCE) {
    const some = seqs.slice(i, i + MOST_AT_ONCE);
    let notes = await mayNote(deps.jsm);
    const drop = async (remove: Remove, seq: number): Promise<boolean> => {
      const letter = notes ? await readDeadLetter(deps.jsm, seq) : undefined;
      if (letter !== undefined && !(await noteDropped(deps.nc, letter))) notes = false;
      return remove(seq);
    };
    await removing(deps, some.length, async (remove) => {
      const next = some.values();
      let failed = false;
      const worker = async (): Promise<void> => {
        for (const seq of next) {
          if (failed) return;
          const there = await drop(remove, seq).catch((error: unknown) => {
            failed = true;
            throw error;
          });
          if (there) dropped(++count);
        }
      };
      // every deletion has ended before the count is closed
      const ended = await Promise.allSettled(Array.from({ length: DROPS }, worker));
      for (const end of ended) if (end.status === "rejected") throw end.reason;
    });
  }
  return count;
}
