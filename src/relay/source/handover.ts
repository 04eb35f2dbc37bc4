import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { HeldPlace } from "../../shared/log/state/held.ts";
import type { Acks } from "./acks.ts";
import { pinnedBy, type Consumer } from "./consumer.ts";
import type { ShardMemory } from "./shard-memory.ts";

/** How long a hand-over waits for requests that are on their way: the pin ends by itself after 3 s without a pull. */
const POSTED_MS = 2000;

export type HandoverDeps = {
  nc: Pick<NatsConnection, "flush">;
  clock: Clock;
  log: Logger;
  shard: number;
  acks: Acks;
  memory: ShardMemory;
  consumer: Consumer;
  /** Resolves when nothing of the shard is on its way any more. */
  posted(shard: number): Promise<void>;
};

/** Takes the pin from us, but not from the relay that the broker gave it to while a hand-over took too long. */
async function giveBack(consumer: Consumer, mine: string): Promise<void> {
  if (pinnedBy(await consumer.info()) === mine) await consumer.unpin();
}

/**
 * Gives a shard that we no longer pull to another relay. We still settle the requests that are on their way. The next relay gets the shard after that, and
 * finds them in the checkpoint (ONCE-1). Never rejects: if a step fails, the pin ends by itself a little later.
 */
export async function handOver(
  deps: HandoverDeps,
  { pin, held }: { pin: string; held: HeldPlace[] | undefined },
): Promise<void> {
  const { nc, clock, log, shard, acks } = deps;
  await Promise.race([
    deps.posted(shard),
    new Promise<void>((resolve) => void clock.after(POSTED_MS, resolve)),
  ]);
  acks.flush();
  await deps.memory.saveWith(held).catch((error: unknown) => {
    log.warn({ shard, err: errorText(error) }, "the checkpoint could not be written at the hand-over");
  });
  await nc.flush().catch(() => {});
  await giveBack(deps.consumer, pin).catch((error: unknown) =>
    log.debug({ shard, err: errorText(error) }, "not unpinned"),
  );
}
