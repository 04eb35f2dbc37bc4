import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { HeldPlace } from "../../shared/log/state/held.ts";
import { Settled } from "../../shared/log/state/settled.ts";
import type { CheckpointStore } from "./checkpoint-store.ts";
import type { Delivery } from "./pull.ts";

/** Between two checkpoints while nothing is settled above the floor: 32 small writes a second for 8 shards under load. What a kill of relay and broker repeats was settled within it. */
const RELAXED_SAVE_MS = 250;

/** What a relay remembers of a shard, and how that is kept beyond its life (checkpoint-store.ts). */
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
  /** Writes a checkpoint now, with held sessions as they were told. */
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

  /** What was remembered before the log lost its end must not outlive it. */
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
      // at once, or the acks of a relay that dies within the next moment would count for nothing; the next save makes up for one that fails
      savedAt = clock.now();
      write(deps.held).catch((error: unknown) => {
        log.debug({ shard, err: errorText(error) }, "the checkpoint does not name the broker's process yet");
      });
    },
    async save() {
      // acks remember what the floor passed, at least while the broker lives, so only what lies above it is pressing
      if (!settled.held && clock.now() - savedAt < RELAXED_SAVE_MS) return;
      savedAt = clock.now();
      await write(deps.held);
    },
    saveWith: (held) => write(() => held),
  };
}
