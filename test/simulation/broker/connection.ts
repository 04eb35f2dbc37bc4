import { createInbox } from "@nats-io/nats-core";
import type {
  Msg,
  NatsConnection,
  Payload,
  PublishOptions,
  RequestOptions,
  ServerInfo,
  Status,
  Subscription,
  SubscriptionOptions,
} from "@nats-io/nats-core";
import { errors, QueuedIteratorImpl } from "@nats-io/nats-core/internal";
import type { SimProcess } from "../schedule.ts";
import type { Client, SimBroker } from "./broker.ts";
import { SimMsg } from "./message.ts";
import { linesOf, matches, wire, type Wire } from "./wire.ts";

type Sub = { subject: string; prefix: string; options: SubscriptionOptions; closed: boolean };

/** How long a message is under way, milliseconds: at least, and at most. */
const FLIGHT_MS = [0.05, 0.4] as const;

const MAX_PAYLOAD = 8 * 1024 * 1024;

function bytesOf(data: Payload | undefined): Uint8Array {
  return typeof data === "string" ? Buffer.from(data) : (data ?? new Uint8Array());
}

/**
 * A client's connection to the simulated broker: the part of the client library that the product uses. The library itself is not simulated, because it is not ours;
 * what it does at a lost connection is as it was measured (docs/facts.md).
 */
export class SimConnection implements Client {
  readonly broker: SimBroker;
  readonly process: SimProcess;
  readonly options: { inboxPrefix: string; name: string };
  readonly features = { get: (): { ok: boolean; min: string } => ({ ok: true, min: "0" }) };
  #subs: Sub[] = [];
  #requests = new Map<
    string,
    { resolve: (msg: Msg) => void; reject: (error: Error) => void; cancel: () => void }
  >();
  #requestPrefix: string;
  #requestNumber = 0;
  #connected = true;
  #closed = false;
  /** Which connection this is: what is under way on an earlier one never arrives. */
  #generation = 1;
  #statuses: QueuedIteratorImpl<Status>[] = [];
  #pings: { reject: (error: Error) => void }[] = [];
  #ended = Promise.withResolvers<void | Error>();
  #arrival = { up: 0, down: 0 };
  #downUntil = 0;

  constructor(broker: SimBroker, process: SimProcess, inboxPrefix: string) {
    this.broker = broker;
    this.process = process;
    this.options = { inboxPrefix, name: process.name };
    this.#requestPrefix = `${createInbox(inboxPrefix)}.`;
    broker.connections.add(this);
  }

  get info(): ServerInfo | undefined {
    if (!this.#connected) return undefined;
    const { serverId: server_id } = this.broker;
    return {
      server_id,
      server_name: "sim",
      version: "2.15.1",
      max_payload: MAX_PAYLOAD,
      jetstream: true,
    } as unknown as ServerInfo;
  }

  getServer = (): string => "sim:4222";
  getServerVersion = (): object => ({ major: 2, minor: 15, micro: 1 });
  isClosed = (): boolean => this.#closed;
  isDraining = (): boolean => false;
  closed = (): Promise<void | Error> => this.#ended.promise;

  /** Time of arrival, in order, in one direction. */
  #flight(way: "up" | "down"): number {
    const { schedule, random } = this.broker;
    const [least, most] = FLIGHT_MS;
    const at = Math.max(this.#arrival[way], schedule.now() + least + (most - least) * random.next());
    this.#arrival[way] = at;
    return at - schedule.now();
  }

  #send(message: Wire): void {
    if (!this.#connected || !this.process.alive) return; // what is written to a lost connection is lost
    const generation = this.#generation;
    this.broker.schedule.after(
      this.#flight("up"),
      () => {
        if (generation === this.#generation) this.broker.receive(message);
      },
      null,
    );
  }

  publish(subject: string, data?: Payload, options?: PublishOptions): void {
    if (this.#closed) throw new errors.ClosedConnectionError();
    const { reply, headers } = options ?? {};
    const head =
      headers === undefined ? undefined : linesOf((headers as unknown as { encode(): Uint8Array }).encode());
    this.#send(wire(subject, bytesOf(data).slice(), { reply, head }));
  }

  subscribe(subject: string, options: SubscriptionOptions = {}): Subscription {
    if (this.#closed) throw new errors.ClosedConnectionError();
    const star = subject.search(/[*>]/);
    const sub: Sub = {
      subject,
      prefix: star === -1 ? subject : subject.slice(0, star),
      options,
      closed: false,
    };
    this.#subs.push(sub);
    const late = (): void => void options.callback?.(new errors.TimeoutError(), undefined as unknown as Msg);
    const { timeout } = options; // the library does not end it at the first message
    const cancel =
      timeout === undefined ? (): void => {} : this.broker.schedule.after(timeout, late, this.process);
    const end = (): void => {
      cancel();
      sub.closed = true;
      this.#subs = this.#subs.filter((other) => other !== sub);
    };
    return {
      unsubscribe: end,
      drain: () => Promise.resolve(end()),
      isClosed: () => sub.closed,
      getSubject: () => subject,
    } as unknown as Subscription;
  }

  request(subject: string, data?: Payload, options?: RequestOptions): Promise<Msg> {
    if (this.#closed) return Promise.reject(new errors.ClosedConnectionError());
    const reply = `${this.#requestPrefix}${++this.#requestNumber}`;
    const { promise, resolve, reject } = Promise.withResolvers<Msg>();
    const cancel = this.broker.schedule.after(
      options?.timeout ?? 1000,
      () => {
        this.#requests.delete(reply);
        reject(new errors.TimeoutError());
      },
      this.process,
    );
    this.#requests.set(reply, { resolve, reject, cancel });
    this.publish(subject, data, {
      reply,
      ...(options?.headers === undefined ? {} : { headers: options.headers }),
    });
    return promise;
  }

  /** The broker sends a message. Returns to how many subscriptions. */
  deliver(message: Wire): number {
    if (!this.#connected || !this.process.alive) return 0;
    const to = message.to ?? message.subject;
    if (to.startsWith(this.#requestPrefix)) {
      this.#arrive(() => this.#answer(to, message));
      return 1;
    }
    let heard = 0;
    for (const sub of this.#subs) {
      if (!to.startsWith(sub.prefix) || !matches(sub.subject, to)) continue;
      heard++;
      this.#arrive(() => {
        if (!sub.closed) void sub.options.callback?.(null, new SimMsg(message, this) as unknown as Msg);
      });
    }
    return heard;
  }

  #arrive(run: () => void): void {
    const generation = this.#generation;
    this.broker.schedule.after(
      this.#flight("down"),
      () => {
        if (generation === this.#generation) run();
      },
      this.process,
    );
  }

  #answer(to: string, message: Wire): void {
    const request = this.#requests.get(to);
    if (request === undefined) return;
    this.#requests.delete(to);
    request.cancel();
    if (message.data.length === 0 && message.status === " 503")
      request.reject(new errors.RequestError("no responders", { cause: new errors.NoRespondersError(to) }));
    else request.resolve(new SimMsg(message, this) as unknown as Msg);
  }

  flush(): Promise<void> {
    if (this.#closed) return Promise.reject(new errors.ClosedConnectionError());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const ping = { reject };
    this.#pings.push(ping);
    if (!this.#connected) return promise;
    const generation = this.#generation;
    this.broker.schedule.after(
      this.#flight("up"),
      () => {
        if (generation !== this.#generation) return;
        this.#arrive(() => {
          this.#pings = this.#pings.filter((other) => other !== ping);
          resolve();
        });
      },
      null,
    );
    return promise;
  }

  status(): AsyncIterable<Status> {
    const statuses = new QueuedIteratorImpl<Status>();
    this.#statuses.push(statuses);
    return statuses;
  }

  #tell(type: "disconnect" | "reconnect"): void {
    for (const statuses of this.#statuses) statuses.push({ type, server: "sim" });
  }

  /** The connection breaks, and stands again after a time. */
  cut(ms: number): void {
    const { schedule } = this.broker;
    this.#downUntil = Math.max(this.#downUntil, schedule.now() + ms);
    if (!this.#connected || this.#closed) return;
    this.#connected = false;
    this.#generation++;
    const replies = this.#subs.map(({ subject }) => subject);
    for (const all of this.broker.consumers.values())
      for (const consumer of all.values())
        consumer.forget((reply) => replies.some((filter) => matches(filter, reply)));
    schedule.after(0.1, () => this.#lost(), this.process);
    this.#reconnectAt();
  }

  #lost(): void {
    this.#tell("disconnect");
    for (const { reject } of this.#pings.splice(0))
      reject(new errors.RequestError("connection disconnected"));
  }

  #reconnectAt(): void {
    const { schedule } = this.broker;
    schedule.after(
      this.#downUntil - schedule.now(),
      () => {
        if (this.#closed) return;
        if (!this.broker.up || schedule.now() < this.#downUntil) {
          this.#downUntil = Math.max(this.#downUntil, schedule.now() + 50);
          return this.#reconnectAt();
        }
        this.#connected = true;
        for (const { reject } of this.#pings.splice(0))
          reject(new errors.RequestError("connection disconnected"));
        this.#tell("reconnect");
      },
      this.process,
    );
  }

  async drain(): Promise<void> {
    await this.flush().catch(() => {});
    this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connected = false;
    this.#generation++;
    this.broker.connections.delete(this);
    for (const statuses of this.#statuses) statuses.stop();
    this.#ended.resolve();
  }

  /** The process was killed: the broker notices. */
  drop(): void {
    this.#closed = true;
    this.#connected = false;
    const replies = this.#subs.map(({ subject }) => subject);
    this.broker.connections.delete(this);
    for (const all of this.broker.consumers.values())
      for (const consumer of all.values())
        consumer.forget((reply) => replies.some((filter) => matches(filter, reply)));
  }

  asConnection(): NatsConnection {
    return this as unknown as NatsConnection;
  }
}
