import type { Msg, NatsConnection, Subscription } from "@nats-io/nats-core";
import {
  consumerName,
  EVENTS_STREAM,
  MAX_BODY_BYTES,
  PRIORITY_GROUP,
} from "../../shared/log/schema/topology.ts";
import { RELAY_INBOX } from "../../shared/log/schema/subjects.ts";
import type { Clock } from "../../shared/base/clock.ts";
import { placeOf } from "./ack-subject.ts";
import { createPinReader } from "./pin-reader.ts";

/** Messages asked for at once; the next pull goes out when half of them have come. */
const BATCH = 250;
/** Most bytes of one pull (BOUND-1): one message of the largest size that a gateway writes, with its headers. A larger message is asked for alone. */
const BATCH_BYTES: number = MAX_BODY_BYTES + 192 * 1024;
/** The shortest that the pin's renewal needs: only a pull that carries the pin renews it, once a second against 3 s. */
const EXPIRES_MS = 1000;
/** While the relay has enough to do, it asks for one message at this pace, because only a pull renews the pin. */
const PACE_MS = 500;
const LOOK_MS = 20;
/** A pull whose end we never hear of, because a status got lost, is given up after this time: 1 s and the broker's slack. */
const SILENCE_MS = 2500;

/** One message of the log as the broker delivered it. */
export type Delivery = {
  subject: string;
  data: Uint8Array;
  /** Sequence in the stream. */
  seq: number;
  /** Sequence of the consumer: 1, 2, 3 … without a gap since its last reset. */
  deliverySeq: number;
  /** Messages of this shard that were not delivered yet. */
  pending: number;
  /** When it was stored, milliseconds since 1970 with their fraction. */
  storedAt: number;
  pin: string;
};

export type PullEvents = {
  delivery(delivery: Delivery): void;
  /** The broker pinned another relay, so our pin is void. */
  pinLost(): void;
  /** The broker says that the consumer does not exist. */
  consumerGone(): void;
};

/**
 * Raw pull requests of one shard. The client library's `consume()` hides when pulls are sent and with which pin, and both are needed
 * for the lease (`lease.ts`); the protocol itself is four fields (ADR 0006).
 */
export function createPull(deps: {
  nc: NatsConnection;
  clock: Clock;
  relay: string;
  shard: number;
  events: PullEvents;
  /** False while enough waits here: what is read ahead must be kept, or read again. */
  room: () => boolean;
}): {
  start(): void;
  stop(): void;
  /** Starts pulling anew with the same pin, because after a reconnect no earlier pull counts. */
  renew(): void;
  setPin(pin: string | undefined): void;
  ack(deliverySeq: number, seq: number): void;
  /** When the newest pull with our pin was sent (clock.now), 0 before. */
  pinnedPullAt(): number;
} {
  const { nc, clock, shard, events } = deps;
  const consumer = consumerName(shard);
  const inbox = `${RELAY_INBOX}.${deps.relay}.pull.${shard}`;
  const subject = `$JS.API.CONSUMER.MSG.NEXT.${EVENTS_STREAM}.${consumer}`;
  let ackPrefix = `$JS.ACK.${EVENTS_STREAM}.${consumer}`;
  let subscription: Subscription | undefined;
  let generation = 0;
  let outstanding = 0;
  let lastActivity = 0;
  let lastPullAt = 0;
  let waitingForRoom = false;
  let pin: string | undefined;
  let pinnedPullAt = 0;
  const readPin = createPinReader();
  let cancelWatch: () => void = () => {};

  function pull(): void {
    if (deps.room()) return ask(BATCH);
    if (waitingForRoom) return;
    waitingForRoom = true;
    clock.after(LOOK_MS, () => {
      waitingForRoom = false;
      if (deps.room()) return pull();
      if (clock.now() - lastPullAt >= PACE_MS) ask(1);
      pull();
    });
  }

  function ask(batch: number, maxBytes = BATCH_BYTES): void {
    if (subscription === undefined || nc.isClosed()) return;
    const request = {
      batch,
      ...(maxBytes < Infinity ? { max_bytes: maxBytes } : {}),
      expires: EXPIRES_MS * 1e6,
      group: PRIORITY_GROUP,
      ...(pin === undefined ? {} : { id: pin }),
    };
    try {
      nc.publish(subject, JSON.stringify(request), { reply: `${inbox}.${generation}` });
    } catch {
      return; // draining or closed: the connection's owner ends us
    }
    outstanding += batch;
    lastPullAt = clock.now();
    lastActivity = lastPullAt;
    if (pin !== undefined) pinnedPullAt = lastPullAt;
  }

  function onMessage(error: Error | null, msg: Msg): void {
    if (error !== null) return;
    lastActivity = clock.now();
    if (msg.reply === undefined || msg.reply === "") return onStatus(msg);
    const delivery = parse(msg);
    if (delivery === undefined) return;
    outstanding = Math.max(0, outstanding - 1);
    if (outstanding <= BATCH / 2) pull();
    events.delivery(delivery);
  }

  function onStatus(msg: Msg): void {
    const code = msg.headers?.code ?? 503; // no responders: the consumer's leader is away
    if (code === 100 || !msg.subject.endsWith(`.${generation}`)) return;
    const left = Number(msg.headers?.get("Nats-Pending-Messages") || BATCH);
    outstanding = Math.max(0, outstanding - left);
    if (code === 423) {
      if (pin === undefined) return again();
      pin = undefined;
      pinnedPullAt = 0;
      events.pinLost();
    } else if (code === 404 || (code === 409 && /consumer deleted/i.test(msg.headers?.description ?? ""))) {
      events.consumerGone();
    }
    // the time is over, or the bytes are: both are how a pull ends well
    const tooLarge = /exceeds maxbytes/i.test(msg.headers?.description ?? "");
    // nothing came for all those bytes: who may write into the log may write more than a gateway does, and the whole shard would wait behind it
    if (tooLarge && Number(msg.headers?.get("Nats-Pending-Bytes")) >= BATCH_BYTES) return ask(1, Infinity);
    if (code === 408 || tooLarge) return outstanding <= BATCH / 2 ? pull() : undefined;
    again();
  }

  /** After an error the next pull waits a little, or a broker in trouble is asked in a tight loop. */
  function again(): void {
    clock.after(100, () => {
      if (outstanding <= BATCH / 2) pull();
    });
  }

  function parse(msg: Msg): Delivery | undefined {
    const { reply = "" } = msg;
    const place = placeOf(reply);
    if (place === undefined) return undefined;
    const { seq, deliverySeq, pending, storedAt, prefix } = place;
    if (prefix > 4) ackPrefix = reply.split(".").slice(0, prefix).join(".");
    return { subject: msg.subject, data: msg.data, seq, deliverySeq, pending, storedAt, pin: readPin(msg) };
  }

  function watch(): void {
    cancelWatch = clock.after(500, () => {
      if (clock.now() - lastActivity > SILENCE_MS) {
        outstanding = 0;
        pull();
      }
      watch();
    });
  }

  return {
    start() {
      if (subscription !== undefined) return;
      subscription = nc.subscribe(`${inbox}.*`, { callback: onMessage });
      outstanding = 0;
      pull();
      watch();
    },
    stop() {
      cancelWatch();
      subscription?.unsubscribe();
      subscription = undefined;
      pin = undefined;
      pinnedPullAt = 0;
      generation++;
    },
    renew() {
      generation++;
      outstanding = 0;
      pinnedPullAt = 0;
      pull();
    },
    setPin(id) {
      if (pin === id) return;
      pin = id;
      pinnedPullAt = 0;
      if (id !== undefined) pull(); // the first pull that renews it, at once
    },
    ack(deliverySeq, seq) {
      if (!nc.isClosed()) nc.publish(`${ackPrefix}.1.${seq}.${deliverySeq}.0.0`);
    },
    pinnedPullAt: () => pinnedPullAt,
  };
}
