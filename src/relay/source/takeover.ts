import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { errorText, isCoded } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { Consumer } from "./consumer.ts";
import type { Fence } from "./fence.ts";
import { keeperOf } from "./keeper.ts";
import type { ShardMemory } from "./shard-memory.ts";
import type { ShardEvent } from "./shard-phase.ts";

/** Between two tries of a takeover that the broker does not answer. */
const RETRY_MS = 200;

export type TakeoverDeps = {
  nc: Pick<NatsConnection, "info">;
  clock: Clock;
  log: Logger;
  shard: number;
  /** Does the log lie on another server than the one that we are connected to? */
  elsewhere: boolean;
  consumer: Consumer;
  fence: Fence;
  memory: ShardMemory;
  whole(): Promise<void>;
  prepare(shard: number): Promise<void>;
  fatal(error: Error): void;
  /** The current turn. Answers to questions of another turn are ignored. */
  turn: () => number;
  send: (event: ShardEvent) => void;
};

async function tryOnce(deps: TakeoverDeps, turn: number, over: () => boolean): Promise<void> {
  const { nc, consumer, memory, send } = deps;
  if (!(await deps.fence.ask())) return send({ on: "pin_refused", turn });
  await deps.whole();
  const asked = nc.info?.server_id;
  const acksCount = await memory.load();
  await deps.prepare(deps.shard);
  if (over()) return;
  send({ on: "prepared", turn });
  const info = await consumer.reset(acksCount ? undefined : memory.settled.floor + 1);
  if (over()) return;
  const keeper = keeperOf(nc.info, info, deps.elsewhere);
  memory.setKeeper(keeper === asked ? keeper : undefined);
  send({
    on: "reset_answered",
    turn,
    toCatchUp: (info.num_pending ?? 0) + (info.num_ack_pending ?? 0),
  });
}

/**
 * Carries out one takeover until the consumer has been reset, the pin turns out to be another's, or its turn is over: asks for the pin, reads what is
 * settled and held, and resets the consumer. A step that fails is tried again from the first one on; a coded error ends the relay.
 */
export async function carryOutTakeover(deps: TakeoverDeps, turn: number): Promise<void> {
  const { clock, log, shard } = deps;
  const over = (): boolean => deps.turn() !== turn;
  while (!over()) {
    try {
      return await tryOnce(deps, turn, over);
    } catch (error) {
      if (over()) return;
      if (isCoded(error)) return deps.fatal(error);
      log.warn({ shard, err: errorText(error) }, "takeover not yet possible");
      deps.send({ on: "failed", turn });
      await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
    }
  }
}
