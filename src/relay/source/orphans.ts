import type { Clock } from "../../shared/base/clock.ts";
import { errorText, isCoded } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { pinnedBy, type Consumer } from "./consumer.ts";
import type { ShardMemory } from "./shard-memory.ts";

/** How often a shard that nobody delivers to asks whether events wait there without an owner. */
const CHECK_MS = 1000;

/** Up to where an idle consumer claims that everything is over, and was found to be right. A claim is looked into once. */
type Claim = { upTo: number };

export type OrphanDeps = {
  clock: Clock;
  log: Logger;
  shard: number;
  consumer: Consumer;
  memory: ShardMemory;
  whole(): Promise<void>;
  /** Lowest sequence that a held session of the shard still has to send; undefined for none. */
  heldFrom(shard: number): Promise<number | undefined>;
  /** Does this relay wait for the shard? */
  waiting: () => boolean;
  fatal(error: Error): void;
};

/** Looks for events of a shard that no relay has. */
export type OrphanWatch = {
  start(): void;
  stop(): void;
  /** What was found out about the consumer's acks counts no more: the broker may be another process. */
  forget(): void;
};

/** From where on a consumer with nothing to deliver has acks that do not count; undefined for nowhere. */
async function falselyAcked(deps: OrphanDeps, upTo: number, claim: Claim): Promise<number | undefined> {
  const { settled } = deps.memory;
  if (upTo <= settled.floor || upTo === claim.upTo) return undefined;
  await deps.whole();
  const acksCount = await deps.memory.load();
  if (!acksCount && upTo > settled.floor) return settled.floor + 1;
  claim.upTo = upTo;
  return undefined;
}

/** Has events without an owner delivered again. */
async function adopt(deps: OrphanDeps, claim: Claim): Promise<void> {
  const { log, shard, consumer, waiting } = deps;
  if (!waiting()) return;
  const info = await consumer.info();
  if (pinnedBy(info) !== "" || !waiting()) return;
  if (info.num_ack_pending) {
    log.info({ shard, unacked: info.num_ack_pending }, "events without an owner");
    return void (await consumer.reset());
  }
  if (info.num_pending) return; // the next pull gets them
  const acked = await falselyAcked(deps, info.delivered?.stream_seq ?? 0, claim);
  // events of held sessions are acked, so none is delivered and nobody is pinned: deliver again what can be passed at once
  const from = acked ?? (await deps.heldFrom(shard));
  if (from === undefined || !waiting()) return;
  const why =
    acked === undefined ? "held events without an owner" : "the checkpoint counts after the broker's start";
  log.info({ shard, from }, why);
  await consumer.reset(from);
}

/**
 * What a dead relay was given and did not ack is not delivered again by itself (`ack_wait` is an hour), and without a delivery nobody is
 * pinned. So a waiting shard looks: nobody pinned and something unacked means that a reset is due.
 */
export function watchForOrphans(deps: OrphanDeps): OrphanWatch {
  const { clock, log, shard } = deps;
  let cancel: (() => void) | undefined;
  let claim: Claim = { upTo: 0 };

  const look = async (): Promise<void> => {
    try {
      await adopt(deps, claim);
    } catch (error) {
      if (isCoded(error)) return deps.fatal(error);
      log.debug({ shard, err: errorText(error) }, "shard not looked at");
    }
  };
  const lookAgain = (): void => {
    const mine = clock.after(CHECK_MS, () => {
      void look().finally(() => {
        if (cancel === mine) lookAgain(); // otherwise it was ended meanwhile
      });
    });
    cancel = mine;
  };

  return {
    start() {
      if (cancel === undefined) lookAgain();
    },
    stop() {
      cancel?.();
      cancel = undefined;
    },
    forget: () => void (claim = { upTo: 0 }),
  };
}
