import { createInbox, headers, type Msg, type NatsConnection } from "@nats-io/nats-core";
import { subjectOf, type Ask } from "./script.ts";

// The same random scripts are put to the real server and to the simulated one. What each of them says is brought into one form, in which times and names that a
// server chooses are left out.

const DURABLE = "shard";
const GROUP = "relay";
/** For answers that no request waits for. */
const PATIENCE_MS = 3000;

/** A server, and how time passes there. */
export type Peer = {
  nc: NatsConnection;
  during<T>(what: Promise<T>): Promise<T>;
  /** Lets time pass until a check holds, and so long at the most, milliseconds. */
  until(check: () => boolean, ms: number): Promise<void>;
};

const CONFIG = {
  retention: "limits",
  storage: "file",
  discard: "new",
  max_age: 0,
  num_replicas: 1,
  allow_direct: true,
};

/** Puts one script to a server. Returns what it said, in a form without times and chosen names. */
export class Questioner {
  readonly #peer: Peer;
  readonly #stream: string;
  readonly #bucket: string;
  #pin = "";
  #acks: string[] = [];

  constructor(peer: Peer, number: number) {
    this.#peer = peer;
    this.#stream = `DIFF${number}`;
    this.#bucket = `KV_DIFF${number}`;
  }

  async begin(): Promise<void> {
    await this.#api(`STREAM.CREATE.${this.#stream}`, {
      ...CONFIG,
      name: this.#stream,
      subjects: ["d.>"],
      max_bytes: 4000,
      duplicate_window: 120e9,
      allow_atomic: true,
      max_msgs_per_subject: -1,
    });
    await this.#api(`STREAM.CREATE.${this.#bucket}`, {
      ...CONFIG,
      name: this.#bucket,
      subjects: ["$KV.DIFF.>"],
      max_bytes: -1,
      max_msgs_per_subject: 1,
    });
    await this.#api(`CONSUMER.CREATE.${this.#stream}.${DURABLE}`, {
      stream_name: this.#stream,
      config: {
        durable_name: DURABLE,
        name: DURABLE,
        ack_policy: "explicit",
        deliver_policy: "by_start_sequence",
        opt_start_seq: 1,
        ack_wait: 3600e9,
        max_deliver: -1,
        max_ack_pending: 1000,
        filter_subjects: ["d.*.0.>"],
        priority_policy: "pinned_client",
        priority_groups: [GROUP],
        priority_timeout: 300e9,
      },
    });
  }

  async end(): Promise<void> {
    await this.#api(`STREAM.DELETE.${this.#stream}`, {}).catch(() => {});
    await this.#api(`STREAM.DELETE.${this.#bucket}`, {}).catch(() => {});
  }

  #request(subject: string, data: string, head?: Record<string, string>): Promise<Msg> {
    const { nc, during } = this.#peer;
    const list = headers();
    for (const [name, value] of Object.entries(head ?? {})) list.set(name, value);
    return during(
      nc.request(subject, data, { timeout: 3000, ...(head === undefined ? {} : { headers: list }) }),
    );
  }

  async #api(verb: string, ask: object): Promise<Record<string, unknown>> {
    return (await this.#request(`$JS.API.${verb}`, JSON.stringify(ask))).json<Record<string, unknown>>();
  }

  async ask(it: Ask): Promise<unknown> {
    switch (it.do) {
      case "publish":
        return this.#publish(it);
      case "batch":
        return this.#batch(it.ids, it.leaveOut);
      case "get":
        return this.#get(it.query);
      case "last":
        return placeOf(
          await this.#request(`$JS.API.DIRECT.GET.${this.#stream}.${subjectOf("log", it.subject)}`, ""),
        );
      case "leader": {
        const { message, error } = await this.#api(`STREAM.MSG.GET.${this.#stream}`, it.query);
        const { subject, seq } = (message ?? {}) as { subject?: string; seq?: number };
        return { subject, seq, error: codeOf(error) };
      }
      case "info":
        return this.#info();
      case "pull":
        return this.#pull(it.batch, it.pin);
      case "ack":
        return this.#ack(it.which);
      case "reset": {
        const { error } = await this.#api(
          `CONSUMER.RESET.${this.#stream}.${DURABLE}`,
          it.from === undefined ? {} : { seq: it.from },
        );
        const { num_pending, num_ack_pending, floor } = await this.#consumer();
        // a server says of a consumer of which nothing was acked yet what it delivered before the reset
        return { error: codeOf(error), num_pending, num_ack_pending, floor };
      }
      case "unpin":
        return {
          error: codeOf(
            (await this.#api(`CONSUMER.UNPIN.${this.#stream}.${DURABLE}`, { group: GROUP }))["error"],
          ),
        };
    }
  }

  async #last(stream: string, subject: string): Promise<number> {
    const { message } = await this.#api(`STREAM.MSG.GET.${stream}`, { last_by_subj: subject });
    return (message as { seq?: number } | undefined)?.seq ?? 0;
  }

  async #publish(it: Ask & { do: "publish" }): Promise<unknown> {
    const subject = subjectOf(it.stream, it.subject);
    const head: Record<string, string> = {};
    if (it.id !== undefined) head["Nats-Msg-Id"] = `m${it.id}`;
    if (it.expect !== undefined) {
      const filter = it.wide === true ? "d.ev.>" : subject;
      const last =
        it.expect === "last"
          ? await this.#last(it.stream === "log" ? this.#stream : this.#bucket, filter)
          : it.expect;
      head["Nats-Expected-Last-Subject-Sequence"] = String(last);
      if (it.wide === true) head["Nats-Expected-Last-Subject-Sequence-Subject"] = filter;
    }
    return ackOf(await this.#request(subject, "x".repeat(it.large === true ? 900 : 10), head));
  }

  async #batch(ids: (number | undefined)[], leaveOut: number | undefined): Promise<unknown> {
    const batch = createInbox("b");
    let answer: Msg | undefined;
    for (const [i, id] of ids.entries()) {
      if (i === leaveOut) continue;
      const head: Record<string, string> = {
        "Nats-Batch-Id": batch.slice(0, 60),
        "Nats-Batch-Sequence": String(i + 1),
      };
      if (id !== undefined) head["Nats-Msg-Id"] = `m${id}`;
      const isLast = i === ids.length - 1;
      if (isLast) head["Nats-Batch-Commit"] = "1";
      const list = headers();
      for (const [name, value] of Object.entries(head)) list.set(name, value);
      if (isLast) answer = await this.#request(subjectOf("log", i % 3), "in a batch", head);
      else this.#peer.nc.publish(subjectOf("log", i % 3), "in a batch", { headers: list });
    }
    return answer === undefined ? undefined : ackOf(answer);
  }

  async #get(query: object): Promise<unknown> {
    if (!("batch" in query))
      return placeOf(await this.#request(`$JS.API.DIRECT.GET.${this.#stream}`, JSON.stringify(query)));
    const { nc, until } = this.#peer;
    const inbox = createInbox();
    const found: unknown[] = [];
    const subscription = nc.subscribe(inbox, { callback: (_, message) => void found.push(placeOf(message)) });
    nc.publish(`$JS.API.DIRECT.GET.${this.#stream}`, JSON.stringify(query), { reply: inbox });
    await until(() => typeof found.at(-1) === "string", PATIENCE_MS);
    subscription.unsubscribe();
    return found;
  }

  async #info(): Promise<unknown> {
    const { state } = (await this.#api(`STREAM.INFO.${this.#stream}`, {})) as {
      state: Record<string, unknown>;
    };
    const { messages, first_seq, last_seq, num_deleted } = state;
    return { messages, bytes: state["bytes"], first_seq, last_seq, num_deleted, ...(await this.#consumer()) };
  }

  async #consumer(): Promise<Record<string, unknown>> {
    const info = await this.#api(`CONSUMER.INFO.${this.#stream}.${DURABLE}`, {});
    const { num_pending, num_ack_pending } = info;
    const { consumer_seq, stream_seq } = info["delivered"] as Record<string, number>;
    const floor = (info["ack_floor"] as Record<string, number>)["stream_seq"];
    return { num_pending, num_ack_pending, consumer_seq, stream_seq, floor };
  }

  async #pull(batch: number, pin: "none" | "ours" | "wrong"): Promise<unknown> {
    const { nc, until } = this.#peer;
    const inbox = createInbox();
    const got: unknown[] = [];
    const id = pin === "wrong" ? "AAAAAAAAAAAAAAAAAAAAAA" : pin === "ours" ? this.#pin : "";
    let isNew = false;
    const subscription = nc.subscribe(inbox, {
      callback: (_, message) => {
        if (!message.reply) return void got.push(`${message.headers?.code}`);
        const [, , , , , seq, deliverySeq] = message.reply.split(".");
        this.#acks.push(message.reply);
        const its = message.headers?.get("Nats-Pin-Id") ?? "";
        if (its !== this.#pin) [this.#pin, isNew] = [its, true];
        got.push({ seq, deliverySeq });
      },
    });
    const request = { batch, expires: 40e6, group: GROUP, ...(id === "" ? {} : { id }) };
    nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${this.#stream}.${DURABLE}`, JSON.stringify(request), {
      reply: inbox,
    });
    await until(() => got.length === batch || typeof got.at(-1) === "string", PATIENCE_MS);
    subscription.unsubscribe();
    return { got, isNew };
  }

  async #ack(which: number): Promise<unknown> {
    const reply = this.#acks[which];
    if (reply === undefined) return "nothing";
    this.#peer.nc.publish(reply, "");
    // an ack has no answer, and the server carries it out when it likes
    const before = JSON.stringify(await this.#consumer());
    let after = before;
    for (let i = 0; i < 20 && after === before; i++) {
      await this.#peer.until(() => false, 5);
      after = JSON.stringify(await this.#consumer());
    }
    return after;
  }
}

function codeOf(error: unknown): number | undefined {
  return (error as { err_code?: number } | undefined)?.err_code;
}

function ackOf(message: Msg): unknown {
  const { seq, duplicate, error, count } = message.json<{
    seq?: number;
    duplicate?: boolean;
    count?: number;
    error?: object;
  }>();
  return { seq, duplicate, count, error: codeOf(error) };
}

function placeOf(message: Msg): unknown {
  const { headers: head } = message;
  if (head === undefined) return "no headers";
  if (head.code !== 0) return `${head.code}`;
  const value = (name: string): string | undefined => (head.has(name) ? head.get(name) : undefined);
  return {
    subject: value("Nats-Subject"),
    seq: value("Nats-Sequence"),
    pending: value("Nats-Num-Pending"),
    last: value("Nats-Last-Sequence"),
  };
}
