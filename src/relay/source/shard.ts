import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { isCoded } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { createMachine, type Machine } from "../../shared/base/machine.ts";
import type { HeldPlace } from "../../shared/log/state/held.ts";
import { createAcks, type Acks } from "./acks.ts";
import type { CheckpointStore } from "./checkpoint-store.ts";
import { createConsumer, type Consumer } from "./consumer.ts";
import { createFence, type Fence } from "./fence.ts";
import { handOver } from "./handover.ts";
import { watchForOrphans, type OrphanWatch } from "./orphans.ts";
import { Pull, type Delivery } from "./pull.ts";
import {
  nextOf,
  stepShard,
  AT_FIRST,
  pinOf,
  type ShardEffect,
  type ShardEvent,
  type ShardState,
} from "./shard-phase.ts";
import { createShardMemory, type ShardMemory } from "./shard-memory.ts";
import type { ShardSource } from "./source.ts";
import { watchTail, type TailWatch } from "./tail.ts";
import { carryOutTakeover } from "./takeover.ts";

// shard-phase.ts decides · pull.ts asks for messages · consumer.ts asks about the consumer · takeover.ts takes over, handover.ts gives back · orphans.ts finds events without an owner, tail.ts a last delivery that was lost ·
// fence.ts and lease.ts say whether we may send · acks.ts tells the broker what is over · shard-memory.ts and checkpoint-store.ts remember · keeper.ts knows whose acks count
// A shard is the unit that relays share and that one relay takes over from another, so everything that must be thrown away together at a takeover is here.
// Which relay should own which shard (presence.ts) is kept out of it: two relays that both believe they own one are still safe, because the pin and the lease decide.

/** More undelivered messages than this count as "behind": their sessions may have a backlog that is not known here. */
const BEHIND = 256;

export type ShardDeps = {
  nc: NatsConnection;
  clock: Clock;
  log: Logger;
  /** Name of the relay's process, a part of subjects. */
  process: string;
  shard: number;
  /** Does the log lie on another server than the one that we are connected to (log-link.ts)? */
  elsewhere: boolean;
  checkpoints: CheckpointStore;
  /** Resolves when the log was found to be whole since the connection was made; throws `log_shortened`. */
  whole(): Promise<void>;
  /** Takes an unsettled event. Entries come in the order of the log. */
  deliver(source: ShardSource, delivery: Delivery): void;
  /** Is told the subject of a settled event that came again. */
  passedOver(shard: number, subject: string): void;
  /** Drops all events of this shard that wait. They will be delivered again, here or elsewhere. */
  clear(shard: number): void;
  /** Lowest sequence that a held session of the shard still has to send; undefined for none. */
  heldFrom(shard: number): Promise<number | undefined>;
  /** The shard's held sessions, as many as a checkpoint names. */
  heldPlaces(shard: number): HeldPlace[];
  /** Is there room for more to wait here? */
  room: () => boolean;
  /** Runs before a takeover's reset, for what else is to be read from the broker. */
  prepare(shard: number): Promise<void>;
  /** Resolves when nothing of the shard is on its way any more. */
  posted(shard: number): Promise<void>;
  /** A failure that a restart of the relay cannot heal by itself. */
  fatal(error: Error): void;
};

/**
 * `behind`: the events that waited at the takeover were not all read yet, or many events are unread.
 * `delivered`: everything of the shard up to this sequence came, or is settled.
 */
export type ShardStatus = {
  shard: number;
  phase: ShardState["phase"];
  behind: boolean;
  pending: number;
  floor: number;
  delivered: number;
};

export type Shard = ShardSource & {
  start(): void;
  /** Ends consuming; with `unpin` another relay gets the shard at once. */
  stop(unpin: boolean): Promise<void>;
  disconnected(): void;
  reconnected(): void;
  /** Time of the newest pull with our pin that the broker is not yet known to have; the lease's owner confirms it. */
  pinnedPullAt(): number;
  confirm(pulledAt: number): void;
  /** The process runs. */
  beat(): void;
  save(): Promise<void>;
  status(): ShardStatus;
};

/** What a shard consists of. */
type Parts = {
  deps: ShardDeps;
  machine: Machine<ShardState, ShardEvent, ShardEffect>;
  pull: Pull;
  consumer: Consumer;
  fence: Fence;
  acks: Acks;
  memory: ShardMemory;
  orphans: OrphanWatch;
  tail: TailWatch;
  /** The held sessions; undefined while they are not all known. */
  held: () => HeldPlace[] | undefined;
};

function createParts(deps: ShardDeps): Parts {
  const { nc, clock, shard } = deps;
  const machine = createMachine(AT_FIRST, stepShard);
  const { state, send } = machine;
  const pull = new Pull(deps);
  const consumer = createConsumer(nc, shard);
  const held = (): HeldPlace[] | undefined => {
    const { phase } = state();
    return phase === "active" || phase === "resetting" ? deps.heldPlaces(shard) : undefined;
  };
  const memory = createShardMemory({ ...deps, held });
  return {
    deps,
    machine,
    pull,
    consumer,
    held,
    memory,
    acks: createAcks({ clock, send: (deliverySeq, seq) => pull.ack(deliverySeq, seq) }),
    fence: createFence({
      clock,
      consumer,
      active: () => state().phase === "active",
      pin: () => pinOf(state()),
      pinnedPullAt: () => pull.pinnedPullAt,
      lost: () => send({ on: "pin_lost" }),
    }),
    tail: watchTail({
      ...deps,
      consumer,
      place() {
        const { turn } = state();
        const next = nextOf(state());
        return next === undefined ? undefined : { turn, next, done: !memory.settled.held };
      },
      lost: ({ turn, next }) => send({ on: "tail_lost", turn, next }),
    }),
    orphans: watchForOrphans({ ...deps, consumer, memory, waiting: () => state().phase === "waiting" }),
  };
}

/** The shard as seen by the code that takes its events. */
function sourceOf({ deps, fence, memory: { settled }, acks }: Parts): ShardSource {
  return {
    shard: deps.shard,
    settled,
    mayForward: fence.mayForward,
    verify: fence.verify,
    settle(entry) {
      settled.settle(entry.seq);
      if (!entry.stale && entry.deliverySeq > 0) acks.add(entry.deliverySeq, entry.seq); // what came from the log was acked when it was passed
    },
    pass(seq, deliverySeq) {
      settled.settle(seq);
      acks.add(deliverySeq, seq);
    },
  };
}

/** An event that came in its place: sent on, or acked again if it is settled. */
function deliver({ deps, memory, acks }: Parts, source: ShardSource, delivery: Delivery): void {
  const { seq, deliverySeq } = delivery;
  const { settled } = memory;
  memory.noteDelivery(delivery);
  const over = settled.has(seq);
  settled.arrived(seq);
  if (!over) return deps.deliver(source, delivery);
  acks.add(deliverySeq, seq);
  deps.passedOver(deps.shard, delivery.subject);
}

/** An error of the broker's API ends the relay if a restart does not heal it; else the next pull finds out. */
async function checkConsumer({ deps, consumer }: Parts): Promise<void> {
  try {
    await consumer.info();
  } catch (error) {
    if (isCoded(error)) deps.fatal(error);
  }
}

/** Carries out what shard-phase.ts decides. */
function effectsOf(parts: Parts, source: ShardSource): (effect: ShardEffect) => void {
  const { deps, machine, pull, fence, acks, memory, orphans, tail } = parts;
  const { send } = machine;
  const turn = (): number => machine.state().turn;
  return function carryOut(effect) {
    switch (effect.do) {
      case "pull":
        pull.start({
          delivery: (delivery) => send({ on: "delivered", delivery }),
          pinLost: () => send({ on: "pin_lost" }),
          consumerGone: () => void checkConsumer(parts),
        });
        tail.start();
        return orphans.start();
      case "end_pull":
        tail.stop();
        orphans.stop();
        return pull.stop();
      case "renew_pull":
        return pull.renew();
      case "set_pin":
        return pull.setPin(effect.pin);
      case "forget":
        fence.revoke();
        acks.drop();
        return deps.clear(deps.shard);
      case "take_over":
        deps.log.debug({ shard: deps.shard, why: effect.why }, "took over a shard");
        return void carryOutTakeover({ ...deps, ...parts, turn, send }, effect.turn);
      case "restart_memory":
        return memory.settled.restart();
      case "deliver":
        return deliver(parts, source, effect.delivery);
      case "report_loss":
        return deps.log.info({ shard: deps.shard }, "shard lost");
    }
  };
}

/** Ends consuming; with `unpin` another relay gets the shard as soon as it may. */
async function stop(parts: Parts, unpin: boolean): Promise<void> {
  const { deps, machine, acks } = parts;
  const pin = pinOf(machine.state());
  const held = parts.held(); // without those that are held later: after this, only requests that are on their way end
  acks.flush();
  machine.send({ on: "stopped" });
  if (unpin && pin !== undefined) await handOver({ ...deps, ...parts }, { pin, held });
}

function statusOf(shard: number, state: ShardState, floor: number): ShardStatus {
  if (state.phase !== "active")
    return { shard, phase: state.phase, behind: true, pending: 0, floor, delivered: floor };
  const { phase, pending, delivered, expected, toCatchUp } = state;
  const behind = pending > BEHIND || toCatchUp === undefined || expected <= toCatchUp;
  return { shard, phase, behind, pending, floor, delivered: Math.max(delivered, floor) };
}

/**
 * One shard: a consumer of which this relay is or is not the pinned client. Every change of the pin, every reconnect and every hole in
 * the delivery sequence is a takeover.
 */
export function createShard(deps: ShardDeps): Shard {
  const parts = createParts(deps);
  const { machine, fence, acks, memory, orphans } = parts;
  const { state, send } = machine;
  const source = sourceOf(parts);
  machine.onEffect(effectsOf(parts, source));
  return {
    ...source,
    start: () => send({ on: "started" }),
    stop: (unpin) => stop(parts, unpin),
    disconnected() {
      fence.revoke();
      acks.drop();
      orphans.forget();
    },
    reconnected: () => send({ on: "reconnected" }),
    pinnedPullAt: fence.pulledAt,
    beat: fence.beat,
    confirm: fence.confirm,
    async save() {
      if (state().phase === "active") await memory.save();
    },
    status: () => statusOf(deps.shard, state(), memory.settled.floor),
  };
}
