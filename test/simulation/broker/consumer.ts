import type { ConsumerConfig } from "@nats-io/jetstream";
import type { SimStream, Stored } from "./stream.ts";
import { matches, wire, type Wire } from "./wire.ts";

/** A request for messages that waits at the broker. */
type Pull = { reply: string; id: string; left: number; cancel: () => void };

export type ConsumerDeps = {
  stream: SimStream;
  now: () => number;
  wall: () => number;
  after: (ms: number, fn: () => void) => () => void;
  newPin: () => string;
  send: (message: Wire) => void;
};

/** What is left of a consumer after a crash: the broker writes it down now and then. */
export type ConsumerMemory = {
  cursor: number;
  deliverySeq: number;
  floor: number;
  floorDelivery: number;
  pending: [number, number][];
};

/** A pull consumer with one pinned client. */
export class SimConsumer {
  readonly config: ConsumerConfig;
  readonly #deps: ConsumerDeps;
  readonly #matching: number[] = [];
  /** Nothing up to here is delivered. */
  #from = 0;
  /** Position in `#matching` of what is delivered next. */
  #position = 0;
  #waiting: Pull[] = [];
  #pin = "";
  #unpinTimer: () => void = () => {};
  /** Delivered, not acked: sequence → delivery sequence. */
  #pending = new Map<number, number>();
  #deliverySeq = 0;
  #floor: number;
  #floorDelivery = 0;
  /** What was delivered last, as the broker tells it. */
  #delivered: number;

  constructor(config: ConsumerConfig, deps: ConsumerDeps) {
    this.config = config;
    this.#deps = deps;
    const start = (config.opt_start_seq ?? 1) - 1;
    this.#floor = start;
    this.#delivered = start;
    for (const message of deps.stream.messages.values()) this.#note(message);
    this.#seek(start);
  }

  /** Where messages of the pinned client go. */
  owner = "";

  get pin(): string {
    return this.#pin;
  }

  #note({ seq, subject }: Stored): void {
    if (!(this.config.filter_subjects?.some((filter) => matches(filter, subject)) ?? true)) return;
    this.#matching.push(seq);
    if (seq <= this.#from) this.#position++; // a reset may name a sequence that the stream does not have yet
  }

  /** The next message to deliver is the first behind `seq`. */
  #seek(seq: number): void {
    this.#from = seq;
    let at = this.#matching.length;
    while (at > 0 && (this.#matching[at - 1] ?? 0) > seq) at--;
    this.#position = at;
  }

  stored(message: Stored): void {
    const before = this.#matching.length;
    this.#note(message);
    if (this.#matching.length > before) this.#deliver();
  }

  pull(reply: string, request: { batch?: number; expires?: number; group?: string; id?: string }): void {
    const { batch = 1, expires = 0, id = "" } = request;
    if (id !== "" && this.#pin !== "" && id !== this.#pin)
      return this.#status(reply, "423 Nats-Wrong-Pin-Id", batch);
    if (id !== "" && id === this.#pin) this.#renew();
    const pull: Pull = { reply, id, left: batch, cancel: () => {} };
    pull.cancel = this.#deps.after(expires / 1e6, () => this.#end(pull, "408 Request Timeout"));
    this.#waiting.push(pull);
    this.#deliver();
  }

  #end(pull: Pull, status: string): void {
    pull.cancel();
    this.#waiting = this.#waiting.filter((other) => other !== pull);
    this.#status(pull.reply, status, pull.left);
  }

  #status(reply: string, status: string, left: number): void {
    const head = `Nats-Pending-Messages: ${left}\r\nNats-Pending-Bytes: 0\r\n`;
    this.#deps.send(wire(reply, undefined, { status: ` ${status}`, head }));
  }

  #renew(): void {
    this.#unpinTimer();
    this.#unpinTimer = this.#deps.after((this.config.priority_timeout ?? 0) / 1e6, () => this.unpin());
  }

  unpin(): void {
    this.#unpinTimer();
    this.#pin = "";
    this.#deliver();
  }

  /** The request that gets the next message. A request with another pin than the present one ends. */
  #next(): Pull | undefined {
    for (const pull of this.#waiting) {
      if (pull.id !== "" && pull.id !== this.#pin) {
        this.#end(pull, "423 Nats-Wrong-Pin-Id");
        continue;
      }
      if (pull.id === this.#pin && this.#pin !== "") return pull;
      if (pull.id === "" && this.#pin === "") {
        this.#pin = this.#deps.newPin();
        this.owner = pull.reply;
        pull.id = this.#pin;
        this.#renew();
        return pull;
      }
    }
    return undefined;
  }

  #deliver(): void {
    const { stream, send } = this.#deps;
    while (this.#position < this.#matching.length) {
      if (this.#pending.size >= (this.config.max_ack_pending ?? Infinity)) return;
      const seq = this.#matching[this.#position] ?? 0;
      const message = stream.messages.get(seq);
      if (message === undefined) {
        this.#position++;
        continue;
      }
      const pull = this.#next();
      if (pull === undefined) return;
      this.#position++;
      this.#delivered = seq;
      this.#pending.set(seq, ++this.#deliverySeq);
      const rest = this.#left();
      const at = `${message.at}000000`;
      const ack = `$JS.ACK.${stream.config.name}.${this.config.durable_name}.1.${seq}.${this.#deliverySeq}.${at}.${rest}`;
      const head = `${message.head ?? ""}Nats-Pin-Id: ${this.#pin}\r\n`;
      send({ ...wire(message.subject, message.data, { reply: ack, head }), to: pull.reply });
      if (--pull.left === 0) {
        pull.cancel();
        this.#waiting = this.#waiting.filter((other) => other !== pull);
      }
    }
  }

  ack(seq: number): void {
    const deliverySeq = this.#pending.get(seq);
    if (deliverySeq === undefined) return;
    this.#pending.delete(seq);
    if (this.#pending.size === 0) {
      this.#floor = this.#delivered;
      this.#floorDelivery = this.#deliverySeq;
    } else if (deliverySeq === this.#floorDelivery + 1) {
      const [lowest, its] = this.#lowest();
      this.#floor = lowest - 1;
      this.#floorDelivery = its - 1;
    }
    this.#deliver();
  }

  /** How many messages are still to be delivered. */
  #left(): number {
    const { stream } = this.#deps;
    if (!stream.hasHoles) return this.#matching.length - this.#position;
    return this.#matching.slice(this.#position).filter((seq) => stream.messages.has(seq)).length;
  }

  #lowest(): [seq: number, deliverySeq: number] {
    const [first] = this.#pending; // in the order of delivery
    return first ?? [0, 0];
  }

  /** Delivers again from a sequence, or everything above the floor. False if that lies before the consumer's start. */
  reset(asked: number | undefined): boolean {
    const from = asked === 0 ? undefined : asked;
    if (from !== undefined && from < (this.config.opt_start_seq ?? 1)) return false;
    const floor = from === undefined ? this.#floor : from - 1;
    this.#floor = floor;
    this.#floorDelivery = 0;
    this.#delivered = floor;
    this.#deliverySeq = 0;
    this.#pending.clear();
    this.#seek(floor);
    // after the answer, as the broker does: what it delivers may overtake it all the same
    this.#deps.after(0, () => this.#deliver());
    return true;
  }

  remember(): ConsumerMemory {
    return {
      cursor: this.#delivered,
      deliverySeq: this.#deliverySeq,
      floor: this.#floor,
      floorDelivery: this.#floorDelivery,
      pending: [...this.#pending],
    };
  }

  /** The broker starts again with what it had written down. */
  recover(memory: ConsumerMemory): void {
    this.#unpinTimer();
    for (const pull of this.#waiting) pull.cancel();
    this.#waiting = [];
    this.#pin = "";
    this.#delivered = memory.cursor;
    this.#deliverySeq = memory.deliverySeq;
    this.#floor = memory.floor;
    this.#floorDelivery = memory.floorDelivery;
    this.#pending = new Map(memory.pending);
    this.#seek(memory.cursor);
  }

  /** Requests of a connection that was lost are gone. */
  forget(isGone: (reply: string) => boolean): void {
    for (const pull of this.#waiting) if (isGone(pull.reply)) pull.cancel();
    this.#waiting = this.#waiting.filter(({ reply }) => !isGone(reply));
  }

  info(): object {
    const { stream, wall } = this.#deps;
    const group = this.config.priority_groups?.[0];
    return {
      stream_name: stream.config.name,
      name: this.config.durable_name,
      created: stream.created,
      config: this.config,
      delivered: { consumer_seq: this.#deliverySeq, stream_seq: this.#delivered },
      ack_floor: { consumer_seq: this.#floorDelivery, stream_seq: this.#floor },
      num_ack_pending: this.#pending.size,
      num_redelivered: 0,
      num_waiting: this.#waiting.length,
      num_pending: this.#left(),
      ...(this.#pin === "" || group === undefined
        ? {}
        : { priority_groups: [{ group, pinned_client_id: this.#pin, pinned_ts: stamp(wall()) }] }),
    };
  }
}

/** A time as the broker writes it. */
export function stamp(ms: number): string {
  return new Date(ms).toISOString();
}
