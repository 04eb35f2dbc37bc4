import type { Clock } from "../../shared/base/clock.ts";
import { errorText, isCoded } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { pinnedBy, type Consumer } from "./consumer.ts";
import { createLooks, type Looks } from "./looks.ts";
import type { ShardMemory } from "./shard-memory.ts";

/** How often a shard to which nothing is delivered asks whether events wait there without an owner. */
const CHECK_MS = 1000;

/** A reset that found nothing is not repeated for this long: a copy of the log that is behind says so as well. */
const NOTHING_MS = 60_000;

/**
 * What was found out of an idle consumer. `upTo`: the sequence up to which it says that everything is over, once this was found to be true; it is checked once.
 * `nothing`: from this sequence on there was nothing to deliver, which happens where a held session's pointer stands behind its last event.
 */
type Claim = { upTo: number; nothing?: { from: number; until: number } };

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
export type OrphanWatch = Looks & {
  /** Forgets what was found out about the consumer's acks, because the broker may be another process now. */
  forget(): void;
};

/** The sequence from which on the acks of a consumer with nothing to deliver do not count; undefined if they all count. */
async function falselyAcked(deps: OrphanDeps, upTo: number, claim: Claim): Promise<number | undefined> {
  const { settled } = deps.memory;
  if (upTo <= settled.floor || upTo === claim.upTo) return undefined;
  await deps.whole();
  const acksCount = await deps.memory.load();
  if (!acksCount && upTo > settled.floor) return settled.floor + 1;
  claim.upTo = upTo;
  return undefined;
}

/** Makes the broker deliver events without an owner again. */
async function adopt(deps: OrphanDeps, claim: Claim): Promise<void> {
  const { clock, log, shard, consumer, waiting } = deps;
  if (!waiting()) return;
  const info = await consumer.info();
  if (pinnedBy(info) !== "" || !waiting()) return;
  if (info.num_ack_pending) {
    log.info({ shard, unacked: info.num_ack_pending }, "events without an owner");
    return void (await consumer.reset());
  }
  if (info.num_pending) return; // the next pull gets them
  const acked = await falselyAcked(deps, info.delivered?.stream_seq ?? 0, claim);
  // events of held sessions are acked, so none is delivered and no relay is pinned: deliver again those that can be passed at once
  const from = acked ?? (await deps.heldFrom(shard));
  if (from === undefined || !waiting()) return;
  if (claim.nothing?.from === from && clock.now() < claim.nothing.until) return;
  const why =
    acked === undefined ? "held events without an owner" : "the checkpoint counts after the broker's start";
  log.info({ shard, from }, why);
  const { num_pending: pending = 0, num_ack_pending: unacked = 0 } = await consumer.reset(from);
  if (pending + unacked === 0) claim.nothing = { from, until: clock.now() + NOTHING_MS };
}

/**
 * Events that a dead relay got and did not ack are not delivered again by themselves (`ack_wait` is an hour), and without a delivery no relay is
 * pinned. So a waiting shard looks: if no relay is pinned and events are unacked, a reset is due.
 */
export function watchForOrphans(deps: OrphanDeps): OrphanWatch {
  const { clock, log, shard } = deps;
  let claim: Claim = { upTo: 0 };

  const look = async (): Promise<void> => {
    try {
      await adopt(deps, claim);
    } catch (error) {
      if (isCoded(error)) return deps.fatal(error);
      log.debug({ shard, err: errorText(error) }, "shard could not be checked");
    }
  };
  return {
    ...createLooks(clock, { waitMs: () => CHECK_MS, look }),
    forget: () => void (claim = { upTo: 0 }),
  };
}
