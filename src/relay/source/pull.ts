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
/** A pull whose last status was lost is given up after this time: 1 s and the broker's slack. */
const SILENCE_MS = 2500;
const WATCH_MS = 500;
const AFTER_ERROR_MS = 100;

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

/** What a status of the broker says of a pull. */
type PullStatus = {
  /** Messages of the pull that will not come any more. */
  left: number;
  /**
   * `over`: its time or its bytes are used up, which is how a pull ends well. `too_large`: nothing came for all those bytes. `other_pinned`: another relay
   * is pinned. `gone`: the consumer does not exist. `error`: anything else.
   */
  kind: "over" | "too_large" | "other_pinned" | "gone" | "error";
};

/** Reads a message without a reply subject; undefined for one that ends nothing. Pure. */
export function readStatus(msg: Pick<Msg, "headers">): PullStatus | undefined {
  const code = msg.headers?.code ?? 503; // no responders: the consumer's leader is away
  if (code === 100) return undefined;
  const left = Number(msg.headers?.get("Nats-Pending-Messages") || BATCH);
  const text = msg.headers?.description ?? "";
  if (code === 423) return { left, kind: "other_pinned" };
  if (code === 404 || (code === 409 && /consumer deleted/i.test(text))) return { left, kind: "gone" };
  if (/exceeds maxbytes/i.test(text)) {
    const all = Number(msg.headers?.get("Nats-Pending-Bytes")) >= BATCH_BYTES;
    return { left, kind: all ? "too_large" : "over" };
  }
  return { left, kind: code === 408 ? "over" : "error" };
}

export type PullDeps = {
  nc: NatsConnection;
  clock: Clock;
  /** Name of the relay's process, a part of subjects: of two relays with the same name, neither may get what the other one pulls. */
  process: string;
  shard: number;
  /** False while enough events wait here: events that are read ahead must be kept in memory, or read again. */
  room: () => boolean;
};

/**
 * Raw pull requests of one shard. The client library's `consume()` hides when pulls are sent and with which pin, and both are needed
 * for the lease (`lease.ts`); the protocol itself is four fields (ADR 0006).
 */
export class Pull {
  readonly #deps: PullDeps;
  readonly #inbox: string;
  readonly #subject: string;
  readonly #readPin = createPinReader();
  #ackPrefix: string;
  #subscription: Subscription | undefined;
  /** Pulls of an earlier one do not count. */
  #generation = 0;
  #outstanding = 0;
  #lastActivity = 0;
  #lastPullAt = 0;
  #waitingForRoom = false;
  #pin: string | undefined;
  #pinnedPullAt = 0;
  #cancelWatch: () => void = () => {};

  constructor(deps: PullDeps) {
    this.#deps = deps;
    const consumer = consumerName(deps.shard);
    this.#inbox = `${RELAY_INBOX}.${deps.process}.pull.${deps.shard}`;
    this.#subject = `$JS.API.CONSUMER.MSG.NEXT.${EVENTS_STREAM}.${consumer}`;
    this.#ackPrefix = `$JS.ACK.${EVENTS_STREAM}.${consumer}`;
  }

  start(events: PullEvents): void {
    if (this.#subscription !== undefined) return;
    this.#subscription = this.#deps.nc.subscribe(`${this.#inbox}.*`, {
      callback: (error, msg) => {
        if (error === null) this.#onMessage(msg, events);
      },
    });
    this.#outstanding = 0;
    this.#pull();
    this.#watch();
  }

  stop(): void {
    this.#cancelWatch();
    this.#subscription?.unsubscribe();
    this.#subscription = undefined;
    this.#pin = undefined;
    this.#pinnedPullAt = 0;
    this.#generation++;
  }

  /** Starts pulling anew with the same pin, because after a reconnect no earlier pull counts. */
  renew(): void {
    this.#generation++;
    this.#outstanding = 0;
    this.#pinnedPullAt = 0;
    this.#pull();
  }

  setPin(pin: string | undefined): void {
    if (this.#pin === pin) return;
    this.#pin = pin;
    this.#pinnedPullAt = 0;
    if (pin !== undefined) this.#pull(); // the first pull that renews it, at once
  }

  ack(deliverySeq: number, seq: number): void {
    const { nc } = this.#deps;
    if (!nc.isClosed()) nc.publish(`${this.#ackPrefix}.1.${seq}.${deliverySeq}.0.0`);
  }

  /** When the newest pull with our pin was sent (clock.now), 0 before. */
  get pinnedPullAt(): number {
    return this.#pinnedPullAt;
  }

  #pull(): void {
    const { clock, room } = this.#deps;
    if (room()) return this.#ask(BATCH);
    if (this.#waitingForRoom) return;
    this.#waitingForRoom = true;
    clock.after(LOOK_MS, () => {
      this.#waitingForRoom = false;
      if (room()) return this.#pull();
      if (clock.now() - this.#lastPullAt >= PACE_MS) this.#ask(1);
      this.#pull();
    });
  }

  #ask(batch: number, maxBytes = BATCH_BYTES): void {
    const { nc, clock } = this.#deps;
    if (this.#subscription === undefined || nc.isClosed()) return;
    const request = {
      batch,
      ...(maxBytes < Infinity ? { max_bytes: maxBytes } : {}),
      expires: EXPIRES_MS * 1e6,
      group: PRIORITY_GROUP,
      ...(this.#pin === undefined ? {} : { id: this.#pin }),
    };
    try {
      nc.publish(this.#subject, JSON.stringify(request), { reply: `${this.#inbox}.${this.#generation}` });
    } catch {
      return; // draining or closed: the connection's owner ends us
    }
    this.#outstanding += batch;
    this.#lastPullAt = clock.now();
    this.#lastActivity = this.#lastPullAt;
    if (this.#pin !== undefined) this.#pinnedPullAt = this.#lastPullAt;
  }

  #pullIfFew(): void {
    if (this.#outstanding <= BATCH / 2) this.#pull();
  }

  #onMessage(msg: Msg, events: PullEvents): void {
    this.#lastActivity = this.#deps.clock.now();
    if (msg.reply === undefined || msg.reply === "") return this.#onStatus(msg, events);
    const delivery = this.#parse(msg);
    if (delivery === undefined) return;
    this.#outstanding = Math.max(0, this.#outstanding - 1);
    this.#pullIfFew();
    events.delivery(delivery);
  }

  #onStatus(msg: Msg, events: PullEvents): void {
    const status = msg.subject.endsWith(`.${this.#generation}`) ? readStatus(msg) : undefined;
    if (status === undefined) return;
    this.#outstanding = Math.max(0, this.#outstanding - status.left);
    switch (status.kind) {
      case "over":
        return this.#pullIfFew();
      case "too_large":
        // any client that may write into the log may write larger messages than a gateway does, and the whole shard would wait behind one
        return this.#ask(1, Infinity);
      case "other_pinned":
        if (this.#pin !== undefined) {
          this.#pin = undefined;
          this.#pinnedPullAt = 0;
          events.pinLost();
        }
        return this.#pullSoon();
      case "gone":
        events.consumerGone();
        return this.#pullSoon();
      case "error":
        return this.#pullSoon();
    }
  }

  /** After an error the next pull waits a little, so that a broker in trouble is not asked in a tight loop. */
  #pullSoon(): void {
    this.#deps.clock.after(AFTER_ERROR_MS, () => this.#pullIfFew());
  }

  #parse(msg: Msg): Delivery | undefined {
    const { reply = "" } = msg;
    const place = placeOf(reply);
    if (place === undefined) return undefined;
    const { seq, deliverySeq, pending, storedAt, prefix } = place;
    if (prefix > 4) this.#ackPrefix = reply.split(".").slice(0, prefix).join(".");
    const pin = this.#readPin(msg);
    return { subject: msg.subject, data: msg.data, seq, deliverySeq, pending, storedAt, pin };
  }

  #watch(): void {
    const { clock } = this.#deps;
    this.#cancelWatch = clock.after(WATCH_MS, () => {
      if (clock.now() - this.#lastActivity > SILENCE_MS) {
        this.#outstanding = 0;
        this.#pull();
      }
      this.#watch();
    });
  }
}
