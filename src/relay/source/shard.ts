import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { errorText, isCoded } from "../../shared/base/errors.ts";
import type { HeldPlace } from "../../shared/log/state/held.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { consumerName, EVENTS_STREAM, PRIORITY_GROUP } from "../../shared/log/schema/topology.ts";
import type { CheckpointStore } from "./checkpoint-store.ts";
import { keeperOf, type Kept } from "./keeper.ts";
import { Lease } from "./lease.ts";
import { createPull, type Delivery } from "./pull.ts";
import { readApiReply } from "./api.ts";
import type { Source } from "./source.ts";
import { Settled } from "../../shared/log/state/settled.ts";

// pull.ts asks for messages · lease.ts fences · ../../shared/log/state/settled.ts remembers · checkpoint-store.ts keeps the memory · keeper.ts knows whose acks count
// A shard is the unit that relays share and that one relay takes over from another, so everything that must be thrown away together at a takeover is here.
// Who owns which shard (presence.ts) is kept out of it: two relays that both believe they own one are still safe, because the pin and the lease decide.

const API_TIMEOUT_MS = 2000;
/** Between two tries of a takeover that the broker does not answer. */
const RETRY_MS = 200;
/** How often a shard that nobody delivers to asks whether events wait there without an owner. */
const ORPHAN_CHECK_MS = 1000;
/** Between two checkpoints while nothing is settled above the floor: 32 small writes a second for 8 shards under load. What a kill of relay and broker repeats was settled within it. */
const RELAXED_SAVE_MS = 250;
/** How long a hand-over waits for what is on its way: the pin ends by itself after 3 s without a pull. */
const POSTED_MS = 2000;
/** Acks are collected for so long: a write per message would cost more than the forwarding. */
const ACK_MS = 5;
/** More undelivered messages than this count as "behind": their sessions may have a backlog nobody here knows of. */
const BEHIND = 256;

/** What is read of a consumer's state. */
type ConsumerReply = Kept & {
  num_ack_pending?: number;
  num_pending?: number;
  delivered?: { stream_seq: number };
  priority_groups?: { group: string; pinned_client_id?: string }[];
};

/** Pin of the relay that is served now; empty for none. */
function pinnedBy(info: ConsumerReply): string {
  return info.priority_groups?.find((g) => g.group === PRIORITY_GROUP)?.pinned_client_id ?? "";
}

/** Where a shard stands. Only an active one delivers to the lanes. */
type ShardPhase = "waiting" | "taking_over" | "resetting" | "active" | "handed_over";

export type ShardDeps = {
  nc: NatsConnection;
  clock: Clock;
  log: Logger;
  relay: string;
  shard: number;
  checkpoints: CheckpointStore;
  /** Resolves when the log was found to be whole since the connection was made; throws `log_shortened`. */
  whole(): Promise<void>;
  /** Takes an unsettled event. Entries come in the order of the log. */
  deliver(shard: Shard, delivery: Delivery): void;
  /** Everything of this shard that waits is void; it will be delivered again, here or elsewhere. */
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

export type Shard = Source & {
  readonly shard: number;
  readonly settled: Settled;
  start(): void;
  /** Ends consuming; with `unpin` another relay gets the shard at once. */
  stop(unpin: boolean): Promise<void>;
  /** Marks an event that another memory takes care of (held sessions): acked, and passed by the floor. */
  pass(seq: number, deliverySeq: number): void;
  disconnected(): void;
  reconnected(): void;
  /** Time of the newest pull with our pin that the broker is not yet known to have; the lease's owner confirms it. */
  pinnedPullAt(): number;
  confirm(pulledAt: number): void;
  save(): Promise<void>;
  /**
   * `behind`: what waits in the log was not all read since the takeover, or much of it is unread.
   * `delivered`: everything of the shard up to this sequence came, or is settled.
   */
  status(): {
    shard: number;
    phase: ShardPhase;
    behind: boolean;
    pending: number;
    floor: number;
    delivered: number;
  };
};

/**
 * One shard: a consumer of which this relay is or is not the pinned client. Every change of the pin, every reconnect and every hole in
 * the delivery sequence is a takeover: the lanes are cleared, the consumer is reset, and nothing counts until it starts again
 * at 1 (docs/facts.md, "Takeover").
 */
export function createShard(deps: ShardDeps): Shard {
  const { nc, clock, log, shard } = deps;
  const consumer = consumerName(shard);
  const settled = new Settled();
  const lease = new Lease();
  let phase: ShardPhase = "waiting";
  let pin: string | undefined;
  let expected = 1;
  let pending = 0;
  let delivered = 0;
  /** Newest event that was ever delivered here. */
  let [topSeq, topAt] = [0, 0];
  let takeovers = 0;
  let resetAnswered = false;
  /** What the consumer had to deliver again when it was reset. */
  let toCatchUp = 0;
  let acks: { deliverySeq: number; seq: number }[] = [];
  let verifying: Promise<boolean> | undefined;
  let cancelWatch: () => void = () => {};
  let savedAt = 0;
  /** Up to where an idle consumer claims that everything is over, and was found to be right. */
  let claimed = 0;
  /** The broker's process in which everything above our floor was delivered anew: what is acknowledged there, a relay acked. */
  let keeper: string | undefined;

  const pull = createPull({
    nc,
    clock,
    relay: deps.relay,
    shard,
    room: deps.room,
    events: { delivery: onDelivery, pinLost: onPinLost, consumerGone: () => void checkConsumer() },
  });

  function onDelivery(delivery: Delivery): void {
    if (delivery.pin !== "" && delivery.pin !== pin) {
      pin = delivery.pin;
      pull.setPin(pin);
      return void takeOver("pinned");
    }
    if (phase !== "resetting" && phase !== "active") return;
    if (phase === "resetting") {
      if (delivery.deliverySeq === 1) {
        settled.restart();
        phase = "active";
        expected = 1;
      } else {
        // what was delivered before the reset may still arrive, but not after its answer
        if (resetAnswered) void takeOver("no restart at 1");
        return;
      }
    }
    if (delivery.deliverySeq !== expected) return void takeOver("hole or restart in the delivery sequence");
    expected++;
    pending = delivery.pending;
    delivered = delivery.seq;
    if (delivered > topSeq) [topSeq, topAt] = [delivered, delivery.storedAt];
    if (settled.has(delivery.seq)) {
      settled.arrived(delivery.seq);
      return ack(delivery.deliverySeq, delivery.seq);
    }
    settled.arrived(delivery.seq);
    deps.deliver(self, delivery);
  }

  function onPinLost(): void {
    pin = undefined;
    if (phase === "waiting" || phase === "handed_over") return;
    log.info({ shard }, "shard lost");
    forget("waiting");
  }

  function forget(next: ShardPhase): void {
    takeovers++;
    phase = next;
    delivered = 0;
    lease.revoke();
    acks = [];
    deps.clear(shard);
  }

  async function takeOver(why: string): Promise<void> {
    forget("taking_over");
    const turn = takeovers;
    log.debug({ shard, why }, "shard taken over");
    while (turn === takeovers) {
      try {
        if (!(await verifyPin())) {
          if (turn !== takeovers) return;
          pin = undefined;
          pull.setPin(undefined);
          phase = "waiting";
          return pull.renew();
        }
        await deps.whole();
        const asked = nc.info?.server_id;
        const acksCount = await deps.checkpoints.load(settled);
        await deps.prepare(shard);
        if (turn !== takeovers) return;
        settled.restart();
        resetAnswered = false;
        phase = "resetting";
        const info = await api("RESET", acksCount ? undefined : { seq: settled.floor + 1 });
        if (turn !== takeovers) return;
        resetAnswered = true;
        const now = keeperOf(nc.info, info);
        keeper = now === asked ? now : undefined;
        nameKeeper();
        toCatchUp = (info.num_pending ?? 0) + (info.num_ack_pending ?? 0);
        // nothing to deliver, so no first message will come; what comes later is the first
        if (phase === "resetting" && !info.num_pending && !info.num_ack_pending) {
          phase = "active";
          expected = 1;
        }
        return;
      } catch (error) {
        if (turn !== takeovers) return;
        if (isCoded(error)) return deps.fatal(error);
        log.warn({ shard, err: errorText(error) }, "takeover not yet possible");
        phase = "taking_over";
        await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
      }
    }
  }

  /** At once, or the acks of a relay that dies within the next moment would count for nothing. The next save makes up for one that fails. */
  function nameKeeper(): void {
    if (keeper === undefined) return;
    savedAt = clock.now();
    saveNow(heldNow).catch((error: unknown) => {
      log.debug({ shard, err: errorText(error) }, "the checkpoint does not name the broker's process yet");
    });
  }

  /** Asks the broker whether our pin is the one; if so, the lease begins with the last pull before the question. */
  async function verifyPin(): Promise<boolean> {
    const asked = pin;
    const pulledAt = pull.pinnedPullAt();
    const info = await api("INFO");
    const ours = asked !== undefined && asked === pin && pinnedBy(info) === asked;
    if (ours && pulledAt > 0) lease.confirm(pulledAt);
    return ours;
  }

  async function stillOurs(): Promise<boolean> {
    try {
      const ours = await verifyPin();
      if (!ours && phase === "active") onPinLost();
      return ours && self.mayForward();
    } catch {
      await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
      return false;
    }
  }

  /**
   * What a dead relay was given and did not ack is not delivered again by itself (`ack_wait` is an hour), and without a delivery nobody is
   * pinned. So a waiting shard looks: nobody pinned and something unacked means that a reset is due.
   */
  function watchForOrphans(): void {
    cancelWatch = clock.after(ORPHAN_CHECK_MS, () => {
      void adoptOrphans()
        .catch((error: unknown) => {
          if (isCoded(error)) return deps.fatal(error);
          log.debug({ shard, err: errorText(error) }, "shard not looked at");
        })
        .finally(() => {
          if (phase !== "handed_over") watchForOrphans();
        });
    });
  }

  async function adoptOrphans(): Promise<void> {
    if (phase !== "waiting" || pin !== undefined) return;
    const info = await api("INFO");
    if (pinnedBy(info) !== "" || phase !== "waiting" || pin !== undefined) return;
    if (info.num_ack_pending) {
      log.info({ shard, unacked: info.num_ack_pending }, "events without an owner");
      return void (await api("RESET"));
    }
    if (info.num_pending) return; // the next pull gets them
    const acked = await falselyAcked(info.delivered?.stream_seq ?? 0);
    // events of held sessions are acked, so none is delivered and nobody is pinned: deliver again what can be passed at once
    const from = acked ?? (await deps.heldFrom(shard));
    if (from === undefined || phase !== "waiting" || pin !== undefined) return;
    const why =
      acked === undefined ? "held events without an owner" : "the checkpoint counts after the broker's start";
    log.info({ shard, from }, why);
    await api("RESET", { seq: from });
  }

  /** From where on a consumer with nothing to deliver has acks that do not count; undefined for nowhere. A claim is looked into once. */
  async function falselyAcked(upTo: number): Promise<number | undefined> {
    if (upTo <= settled.floor || upTo === claimed) return undefined;
    await deps.whole();
    const acksCount = await deps.checkpoints.load(settled);
    if (!acksCount && upTo > settled.floor) return settled.floor + 1;
    claimed = upTo;
    return undefined;
  }

  async function checkConsumer(): Promise<void> {
    try {
      await api("INFO");
    } catch (error) {
      if (isCoded(error)) deps.fatal(error);
    }
  }

  async function api(verb: "INFO" | "RESET" | "UNPIN", request?: { seq: number }): Promise<ConsumerReply> {
    const subject = `$JS.API.CONSUMER.${verb}.${EVENTS_STREAM}.${consumer}`;
    const payload =
      verb === "UNPIN" ? JSON.stringify({ group: PRIORITY_GROUP }) : JSON.stringify(request ?? {});
    const reply = await nc.request(subject, payload, { timeout: API_TIMEOUT_MS });
    return readApiReply(reply.json<ConsumerReply>(), consumer);
  }

  /** The broker unpins the consumer from any relay: after a slow hand-over that may be another one already. */
  async function giveBack(mine: string): Promise<void> {
    if (pinnedBy(await api("INFO")) === mine) await api("UNPIN");
  }

  /** What was remembered before the log lost its end must not outlive it. */
  async function saveNow(held: () => HeldPlace[] | undefined): Promise<void> {
    await deps.whole();
    const top = topSeq === 0 ? undefined : { seq: topSeq, at: topAt };
    await deps.checkpoints.save(settled, { top, held, broker: keeper });
  }

  /** Undefined while they are not all known: in a takeover, until they were read, and without the shard. */
  function heldNow(): HeldPlace[] | undefined {
    return phase === "active" || phase === "resetting" ? deps.heldPlaces(shard) : undefined;
  }

  function ack(deliverySeq: number, seq: number): void {
    if (acks.length === 0) clock.after(ACK_MS, flushAcks);
    acks.push({ deliverySeq, seq });
  }

  function flushAcks(): void {
    const batch = acks;
    acks = [];
    for (const { deliverySeq, seq } of batch) pull.ack(deliverySeq, seq);
  }

  const self: Shard = {
    shard,
    settled,
    start() {
      if (phase === "handed_over") phase = "waiting";
      pull.start();
      watchForOrphans();
    },
    async stop(unpin) {
      const mine = pin;
      const held = heldNow(); // those that are held later are not: what ends after this is only what is on its way
      cancelWatch();
      flushAcks();
      forget("handed_over");
      pull.stop();
      pin = undefined;
      if (!unpin || mine === undefined) return;
      // what is on its way is ours to settle; the next relay gets the shard when it is, and finds it in the checkpoint (ONCE-1)
      await Promise.race([
        deps.posted(shard),
        new Promise<void>((resolve) => void clock.after(POSTED_MS, resolve)),
      ]);
      flushAcks();
      await saveNow(() => held).catch((error: unknown) => {
        log.warn({ shard, err: errorText(error) }, "the checkpoint could not be written at the hand-over");
      });
      await nc.flush().catch(() => {});
      await giveBack(mine).catch((error: unknown) =>
        log.debug({ shard, err: errorText(error) }, "not unpinned"),
      );
    },
    pass(seq, deliverySeq) {
      settled.settle(seq);
      ack(deliverySeq, seq);
    },
    mayForward: () => phase === "active" && lease.holds(clock.now()),
    verify() {
      if (phase !== "active") return Promise.resolve(false);
      verifying ??= stillOurs().finally(() => (verifying = undefined));
      return verifying;
    },
    settle(entry) {
      settled.settle(entry.seq);
      if (!entry.stale && entry.deliverySeq > 0) ack(entry.deliverySeq, entry.seq); // what came from the log was acked when it was passed
    },
    disconnected() {
      lease.revoke();
      acks = [];
      claimed = 0;
    },
    reconnected() {
      if (phase === "handed_over") return;
      pull.renew();
      if (pin !== undefined) void takeOver("reconnected");
    },
    pinnedPullAt: () => (lease.holds(clock.now()) ? pull.pinnedPullAt() : 0),
    confirm(pulledAt) {
      if (lease.holds(clock.now())) lease.confirm(pulledAt); // what ended begins again by a question only
    },
    async save() {
      // acks remember what the floor passed, at least while the broker lives, so only what lies above it is pressing
      if (phase !== "active" || (!settled.held && clock.now() - savedAt < RELAXED_SAVE_MS)) return;
      savedAt = clock.now();
      await saveNow(heldNow);
    },
    status: () => ({
      shard,
      phase,
      behind: pending > BEHIND || !resetAnswered || expected <= toCatchUp,
      pending,
      floor: settled.floor,
      delivered: Math.max(delivered, settled.floor),
    }),
  };
  return self;
}
