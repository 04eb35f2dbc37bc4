import type { ConsumerConfig, StreamConfig } from "@nats-io/jetstream";
import type { Random } from "../../faults/random.ts";
import type { Schedule } from "../schedule.ts";
import { answerApi, type ApiState } from "./api.ts";
import { SimConsumer, stamp, type ConsumerMemory } from "./consumer.ts";
import { noFaults, type BrokerFaults } from "./faults.ts";
import {
  isInProcess,
  lifetimeOf,
  refusalOfBatch,
  refusals,
  republished,
  SimStream,
  type Answer,
  type Refusal,
  type Write,
} from "./stream.ts";
import { headerOf, wire, type Wire } from "./wire.ts";

// wire.ts is a message · stream.ts stores · consumer.ts delivers · direct.ts reads · api.ts answers · connection.ts is the client's side · faults.ts is what goes wrong

export type BrokerOptions = {
  /** Writes are on disk before they are acknowledged. Without it a crash takes the whole log: a young stream was never synced. */
  syncAlways: boolean;
  /** As servers that replicate: an id that is being stored is refused for now (10158). */
  replicated?: boolean;
};

const SYNC_MS = 0.4;
const BATCH_MS = 10_000;
const REMEMBER_MS = 250;

export type Client = {
  /** Takes a message. Returns to how many subscriptions it goes. */
  deliver(message: Wire): number;
  /** The connection breaks, and stands again after a time. */
  cut(ms: number): void;
};

type Batch = { stream: SimStream; messages: Wire[]; cancel: () => void };

export type Disk = {
  streams: SimStream[];
  consumers: { stream: string; config: ConsumerConfig; memory: ConsumerMemory }[];
};

export class SimBroker implements ApiState {
  readonly streams = new Map<string, SimStream>();
  readonly consumers = new Map<string, Map<string, SimConsumer>>();
  readonly connections = new Set<Client>();
  readonly schedule: Schedule;
  readonly random: Random;
  readonly options: BrokerOptions;
  faults: BrokerFaults = noFaults();
  up = true;
  serverId = "";
  wall: () => number;
  readonly codes = new Map<string, number>();
  #writing: Write[] = [];
  #busyUntil = 0;
  readonly #batches = new Map<string, Batch>();
  #names = 0;
  #memories = new Map<SimConsumer, ConsumerMemory>();

  constructor(schedule: Schedule, random: Random, options: BrokerOptions) {
    this.schedule = schedule;
    this.random = random;
    this.options = options;
    this.wall = schedule.trueWall;
    this.#start();
    this.#rememberSoon();
  }

  #start(): void {
    this.serverId = `SERVER${++this.#names}`;
    this.up = true;
  }

  disk(): Disk {
    const streams = [...this.streams.values()].map((stream) => stream.copy());
    const consumers = [...this.consumers].flatMap(([stream, all]) =>
      [...all.values()].map((consumer) => ({ stream, config: consumer.config, memory: consumer.remember() })),
    );
    return { streams, consumers };
  }

  load({ streams, consumers }: Disk): void {
    for (const stream of streams) this.#take(stream.copy());
    for (const { stream, config, memory } of consumers) {
      const of = this.streams.get(stream);
      if (of !== undefined) this.addConsumer(of, config).recover(memory);
    }
  }

  addStream(config: StreamConfig): SimStream {
    const full = { ...config, max_msgs_per_subject: config.max_msgs_per_subject ?? -1 };
    full.duplicate_window ??= 120e9;
    full.num_replicas ??= 1;
    return this.#take(new SimStream(full, stamp(this.wall())));
  }

  #take(stream: SimStream): SimStream {
    this.streams.set(stream.config.name, stream);
    this.consumers.set(stream.config.name, new Map());
    stream.onStored = (message) => {
      const live = republished(stream, message);
      if (live !== undefined) this.route(live);
      const ms = lifetimeOf(message, this.random.next);
      if (ms !== undefined) this.schedule.after(ms, () => stream.remove(message.seq), null);
      const all = this.consumers.get(stream.config.name);
      for (const consumer of all?.values() ?? []) consumer.stored(message);
    };
    return stream;
  }

  addConsumer(stream: SimStream, config: ConsumerConfig): SimConsumer {
    const consumer = new SimConsumer(config, {
      stream,
      now: this.schedule.now,
      wall: this.wall,
      after: (ms, fn) => this.schedule.after(ms, fn, null),
      newPin: () => `PIN${(++this.#names).toString().padStart(19, "0")}`,
      send: (message) => (this.faults.lossy ? 0 : this.route(message)),
    });
    this.consumers.get(stream.config.name)?.set(config.durable_name ?? "", consumer);
    return consumer;
  }

  replicaOf(stream: SimStream): SimStream {
    const { staleBy } = this.faults;
    if (staleBy === 0 || this.random.next() < 0.5) return stream;
    this.#count("stale");
    const copy = stream.copy();
    copy.cutTo(Math.max(0, stream.lastSeq - staleBy));
    return copy;
  }

  #count(code: string): void {
    this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
  }

  receive(message: Wire): void {
    if (!this.up) return;
    const { subject } = message;
    if (subject.startsWith("$JS.API.")) {
      for (const answer of answerApi(this, message)) this.route(answer);
      return;
    }
    if (subject.startsWith("$JS.ACK.")) return this.#ack(subject);
    for (const stream of this.streams.values())
      if (stream.takes(subject)) return this.#write(stream, message);
    const heard = this.route(message);
    if (heard === 0 && message.reply !== undefined)
      this.route(wire(message.reply, undefined, { status: " 503", head: "" }));
  }

  #ack(subject: string): void {
    const [, , stream = "", consumer = "", , seq = "0"] = subject.split(".");
    this.consumers.get(stream)?.get(consumer)?.ack(Number(seq));
  }

  /** Returns how many listen. */
  route(message: Wire): number {
    let heard = 0;
    for (const connection of this.connections) heard += connection.deliver(message);
    return heard;
  }

  #write(stream: SimStream, message: Wire): void {
    const id = headerOf(message.head, "Nats-Batch-Id");
    if (id !== undefined) return this.#stage(stream, message, id);
    if (this.options.replicated === true && isInProcess(this.#writing, stream, message))
      return this.#answer(stream, message, refusals.inProcess);
    this.#enqueue(stream, () => this.#commitOne(stream, message), { message, stream });
  }

  #enqueue(stream: SimStream, commit: () => void, write: Write): void {
    this.#writing.push(write);
    const events = stream.config.name.startsWith("RR_");
    this.#busyUntil =
      Math.max(this.#busyUntil, this.schedule.now()) + SYNC_MS + (events ? this.faults.slowMs : 0);
    const { serverId } = this;
    this.schedule.after(
      this.#busyUntil - this.schedule.now(),
      () => {
        if (this.serverId !== serverId || !this.up) return; // it died meanwhile
        this.#writing = this.#writing.filter((other) => other !== write);
        commit();
      },
      null,
    );
  }

  #refusalNow(stream: SimStream): Refusal | undefined {
    if (this.faults.busy) return refusals.busy;
    return this.faults.full && stream.config.name.startsWith("RR_") ? refusals.full : undefined;
  }

  #commitOne(stream: SimStream, message: Wire): void {
    const id = headerOf(message.head, "Nats-Msg-Id");
    const known = stream.known(id, this.wall());
    // a repeated id is recognized before room is looked for
    const refused = known === undefined ? this.#refusalNow(stream) : undefined;
    this.#answer(stream, message, refused ?? stream.publish(message, this.wall()));
  }

  #stage(stream: SimStream, message: Wire, id: string): void {
    let batch = this.#batches.get(id);
    if (batch === undefined) {
      batch = {
        stream,
        messages: [],
        cancel: this.schedule.after(BATCH_MS, () => this.#batches.delete(id), null),
      };
      this.#batches.set(id, batch);
    }
    batch.messages.push(message);
    if (headerOf(message.head, "Nats-Batch-Commit") === undefined) return;
    batch.cancel();
    this.#batches.delete(id);
    const whole = batch.messages.length === Number(headerOf(message.head, "Nats-Batch-Sequence"));
    const { messages } = batch;
    this.#enqueue(
      stream,
      () => {
        if (!whole) return this.#answer(stream, message, refusals.batchIncomplete);
        this.#commitBatch(stream, messages, message);
      },
      { message, stream },
    );
  }

  #commitBatch(stream: SimStream, messages: Wire[], last: Wire): void {
    const now = this.wall();
    const refused =
      (this.faults.batches ? refusals.tooManyBatches : undefined) ??
      this.#refusalNow(stream) ??
      refusalOfBatch(stream, messages, now);
    if (refused !== undefined) return this.#answer(stream, last, refused);
    for (const message of messages) stream.store(message, now);
    const { lastSeq: seq } = stream;
    this.#count("batch");
    const answer = { stream: stream.config.name, seq, batch: "", count: messages.length };
    if (last.reply !== undefined) this.route(wire(last.reply, JSON.stringify(answer)));
  }

  #answer(stream: SimStream, { reply }: Wire, answer: Answer): void {
    const refused = "err_code" in answer;
    this.#count(refused ? String(answer.err_code) : answer.duplicate ? "duplicate" : "stored");
    if (reply === undefined) return;
    const { name } = stream.config;
    const text = refused
      ? JSON.stringify({ error: answer, stream: name, seq: 0 })
      : JSON.stringify({
          stream: name,
          seq: answer.seq,
          ...(answer.duplicate ? { duplicate: true } : {}),
        });
    this.route(wire(reply, text));
  }

  #rememberSoon(): void {
    this.schedule.after(
      REMEMBER_MS * (0.5 + this.random.next()),
      () => {
        if (this.up)
          for (const all of this.consumers.values())
            for (const consumer of all.values()) this.#memories.set(consumer, consumer.remember());
        this.#rememberSoon();
      },
      null,
    );
  }

  /** kill -9, or the machine's power: what is on disk stays, and of what was under way a part of it, in order. */
  crash(downMs: number): void {
    this.#count("crash");
    let left = Math.floor(this.random.next() * (this.#writing.length + 1));
    for (const { message, stream } of this.#writing) {
      if (left-- <= 0) break;
      if (headerOf(message.head, "Nats-Batch-Id") === undefined && this.#refusalNow(stream) === undefined)
        stream.publish(message, this.wall());
    }
    this.#writing = [];
    this.#busyUntil = 0;
    for (const { cancel } of this.#batches.values()) cancel();
    this.#batches.clear();
    this.up = false;
    this.serverId = "";
    if (!this.options.syncAlways)
      for (const stream of this.streams.values()) if (stream.config.name === "RR_EVENTS") stream.cutTo(0);
    for (const connection of this.connections) connection.cut(downMs + 20 + 200 * this.random.next());
    this.schedule.after(downMs, () => this.#start(), null);
    for (const all of this.consumers.values())
      for (const consumer of all.values()) {
        const memory = this.#memories.get(consumer);
        consumer.recover(memory ?? consumer.remember());
      }
  }
}
