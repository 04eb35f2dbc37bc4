import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { HeldPlace } from "../../shared/log/state/held.ts";
import { Settled } from "../../shared/log/state/settled.ts";
import type { CheckpointStore } from "./checkpoint-store.ts";
import type { Delivery } from "./pull.ts";

/** Between two checkpoints while nothing is settled above the floor: 32 small writes a second for 8 shards under load. If relay and broker are killed, only events that were settled within this time are sent again. */
const RELAXED_SAVE_MS = 250;

/** What a relay remembers of a shard, and how it is stored for relays that come later (checkpoint-store.ts). */
export type ShardMemory = {
  readonly settled: Settled;
  /** Merges what is stored. Resolves to whether the broker's own acks count as well; throws as {@link CheckpointStore.load} does. */
  load(): Promise<boolean>;
  /** An event was delivered here. */
  noteDelivery(delivery: Pick<Delivery, "seq" | "storedAt">): void;
  /** Names the broker's process in which everything above our floor was delivered anew, so that what is acked there, a relay acked. Undefined: not known. */
  setKeeper(keeper: string | undefined): void;
  /** Writes a checkpoint if it is time for one. */
  save(): Promise<void>;
  /** Writes a checkpoint now, with the given held sessions. */
  saveWith(held: HeldPlace[] | undefined): Promise<void>;
};

export function createShardMemory(deps: {
  clock: Clock;
  log: Logger;
  shard: number;
  checkpoints: CheckpointStore;
  /** Resolves when the log was found to be whole since the connection was made; throws `log_shortened`. */
  whole: () => Promise<void>;
  /** The shard's held sessions; undefined while they are not all known: in a takeover, until they were read, and without the shard. */
  held: () => HeldPlace[] | undefined;
}): ShardMemory {
  const { clock, log, shard, checkpoints } = deps;
  const settled = new Settled();
  /** Newest event that was ever delivered here. */
  let top: { seq: number; at: number } | undefined;
  let keeper: string | undefined;
  let savedAt = 0;

  /** A memory from before the log lost its end must not be used after that. */
  const write = async (held: () => HeldPlace[] | undefined): Promise<void> => {
    await deps.whole();
    await checkpoints.save(settled, { top, held, broker: keeper });
  };

  return {
    settled,
    load: () => checkpoints.load(settled),
    noteDelivery({ seq, storedAt }) {
      if (top === undefined || seq > top.seq) top = { seq, at: storedAt };
    },
    setKeeper(named) {
      keeper = named;
      if (keeper === undefined) return;
      // at once: otherwise the acks of a relay that dies a moment later would not count. If this save fails, the next one makes up for it
      savedAt = clock.now();
      write(deps.held).catch((error: unknown) => {
        log.debug({ shard, err: errorText(error) }, "the checkpoint does not name the broker's process yet");
      });
    },
    async save() {
      // the broker's acks remember everything below the floor while the broker lives, so only settled events above it are urgent
      if (!settled.held && clock.now() - savedAt < RELAXED_SAVE_MS) return;
      savedAt = clock.now();
      await write(deps.held);
    },
    saveWith: (held) => write(() => held),
  };
}
