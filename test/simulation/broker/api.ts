import type { ConsumerConfig, StreamConfig } from "@nats-io/jetstream";
import { stamp, type SimConsumer } from "./consumer.ts";
import { directGet } from "./direct.ts";
import type { Refusal, SimStream } from "./stream.ts";
import { matches, wire, type Wire } from "./wire.ts";

// The part of the broker's API that the product uses, as far as it uses it. A subject that is not known here fails loudly.

const STREAM_MISSING: Refusal = { code: 404, err_code: 10059, description: "stream not found" };
const CONSUMER_MISSING: Refusal = { code: 404, err_code: 10014, description: "consumer not found" };
const MESSAGE_MISSING: Refusal = { code: 404, err_code: 10037, description: "no message found" };
const DELETE_FAILED: Refusal = { code: 500, err_code: 10057, description: "message not found" };
const SEQUENCE_MISSING: Refusal = { code: 404, err_code: 10043, description: "sequence not found" };
const RESET_REFUSED: Refusal = {
  code: 400,
  err_code: 10204,
  description: "invalid reset sequence: below start seq",
};

export type ApiState = {
  streams: Map<string, SimStream>;
  consumers: Map<string, Map<string, SimConsumer>>;
  wall: () => number;
  addStream(config: StreamConfig): SimStream;
  addConsumer(stream: SimStream, config: ConsumerConfig): SimConsumer;
  /** The state that a read sees which any replica may answer. */
  replicaOf(stream: SimStream, query: string): SimStream;
};

type Json = Record<string, unknown>;

function json(data: Uint8Array): Json {
  return data.length === 0 ? {} : (JSON.parse(Buffer.from(data).toString()) as Json);
}

function streamInfo(stream: SimStream, wall: number, ask: Json): object {
  const { firstSeq, lastSeq, messages, bytes } = stream;
  const missing = lastSeq - firstSeq + 1 - messages.size;
  const deleted: number[] = [];
  if (ask["deleted_details"] === true)
    for (let seq = firstSeq; seq <= lastSeq; seq++) if (!messages.has(seq)) deleted.push(seq);
  const subjects: Record<string, number> = {};
  const filter = ask["subjects_filter"];
  if (typeof filter === "string")
    for (const { subject } of messages.values())
      if (matches(filter, subject)) subjects[subject] = (subjects[subject] ?? 0) + 1;
  const firstAt = messages.get(firstSeq)?.at;
  return {
    config: stream.config,
    created: stream.created,
    state: {
      messages: messages.size,
      bytes,
      first_seq: messages.size === 0 ? lastSeq + (lastSeq === 0 ? 0 : 1) : firstSeq,
      first_ts: firstAt === undefined ? "0001-01-01T00:00:00Z" : stamp(firstAt),
      last_seq: lastSeq,
      last_ts: lastSeq === 0 ? "0001-01-01T00:00:00Z" : stamp(stream.lastAt),
      consumer_count: 0,
      ...(missing > 0 ? { num_deleted: missing } : {}),
      ...(deleted.length > 0 ? { deleted } : {}),
      ...(typeof filter === "string" ? { subjects } : {}),
    },
    ts: stamp(wall),
  };
}

/** Asks for what the leader has. */
function messageGet(stream: SimStream, ask: Json): object | Refusal {
  const { seq, last_by_subj: last, next_by_subj: next } = ask;
  const found =
    typeof last === "string"
      ? stream.lastOf(last)
      : typeof next === "string"
        ? stream.nextOf(Number(seq ?? 1), next)
        : stream.messages.get(Number(seq));
  if (found === undefined) return MESSAGE_MISSING;
  const hdrs =
    found.head === undefined
      ? {}
      : { hdrs: Buffer.from(`NATS/1.0\r\n${found.head}\r\n`, "latin1").toString("base64") };
  return {
    message: {
      subject: found.subject,
      seq: found.seq,
      ...hdrs,
      data: Buffer.from(found.data).toString("base64"),
      time: stamp(found.at),
    },
  };
}

function ofStream(state: ApiState, verb: string, name: string, ask: Json): object | Refusal {
  if (verb === "CREATE" && !state.streams.has(name)) state.addStream(ask as unknown as StreamConfig);
  const stream = state.streams.get(name);
  if (stream === undefined) return STREAM_MISSING;
  switch (verb) {
    case "UPDATE":
      stream.config = { ...stream.config, ...(ask as Partial<StreamConfig>) };
      return streamInfo(stream, state.wall(), {});
    case "CREATE":
    case "INFO":
      return streamInfo(stream, state.wall(), ask);
    case "MSG.GET":
      return messageGet(stream, ask);
    case "MSG.DELETE":
      return removeOne(stream, Number(ask["seq"]));
    case "PURGE":
      return { success: true, purged: purge(stream, ask) };
    default:
      throw new Error(`the simulated broker does not know STREAM.${verb}`);
  }
}

function removeOne(stream: SimStream, seq: number): object | Refusal {
  if (stream.remove(seq)) return { success: true };
  return seq > stream.lastSeq ? DELETE_FAILED : SEQUENCE_MISSING;
}

function purge(stream: SimStream, ask: Json): number {
  const { filter, seq } = ask as { filter?: string; seq?: number };
  let purged = 0;
  for (const message of stream.messages.values()) {
    if (seq !== undefined && message.seq >= seq) continue;
    if (filter !== undefined && !matches(filter, message.subject)) continue;
    stream.remove(message.seq);
    purged++;
  }
  return purged;
}

function ofConsumer(
  state: ApiState,
  verb: string,
  [stream = "", name = ""]: string[],
  ask: Json,
): object | Refusal {
  const of = state.streams.get(stream);
  if (of === undefined) return STREAM_MISSING;
  if (verb === "CREATE") {
    const { config } = ask as { config: ConsumerConfig };
    return (state.consumers.get(stream)?.get(name) ?? state.addConsumer(of, config)).info();
  }
  const consumer = state.consumers.get(stream)?.get(name);
  if (consumer === undefined) return CONSUMER_MISSING;
  switch (verb) {
    case "INFO":
      return consumer.info();
    case "UNPIN":
      consumer.unpin();
      return {};
    case "RESET": {
      const { seq } = ask as { seq?: number };
      if (!consumer.reset(seq)) return RESET_REFUSED;
      return consumer.info();
    }
    default:
      throw new Error(`the simulated broker does not know CONSUMER.${verb}`);
  }
}

function isRefusal(answer: object): answer is Refusal {
  return "err_code" in answer;
}

function answered(message: Wire, answer: object): Wire[] {
  if (message.reply === undefined) return [];
  return [wire(message.reply, JSON.stringify(isRefusal(answer) ? { error: answer } : answer))];
}

const STREAM_VERB = /^(CREATE|UPDATE|INFO|PURGE|MSG\.GET|MSG\.DELETE)\.([^.]+)$/;
const CONSUMER_VERB = /^(?:DURABLE\.)?(CREATE|INFO|MSG\.NEXT|RESET|UNPIN|DELETE)\.([^.]+)\.([^.]+)/;

/** Answers one request to the API. */
export function answerApi(state: ApiState, message: Wire): Wire[] {
  const subject = message.subject.slice("$JS.API.".length);
  if (subject === "INFO") return answered(message, { limits: {}, api: {} });
  if (subject.startsWith("DIRECT.GET.")) return direct(state, message, subject.slice("DIRECT.GET.".length));
  if (subject.startsWith("STREAM.")) {
    const [, verb = "", name = ""] = STREAM_VERB.exec(subject.slice("STREAM.".length)) ?? [];
    return answered(message, ofStream(state, verb, name, json(message.data)));
  }
  const [, verb = "", stream = "", name = ""] = CONSUMER_VERB.exec(subject.slice("CONSUMER.".length)) ?? [];
  if (verb !== "MSG.NEXT")
    return answered(message, ofConsumer(state, verb, [stream, name], json(message.data)));
  const consumer = state.consumers.get(stream)?.get(name);
  if (message.reply === undefined) return [];
  if (consumer === undefined) return [wire(message.reply, undefined, { status: " 503", head: "" })];
  consumer.pull(message.reply, json(message.data));
  return [];
}

function direct(state: ApiState, message: Wire, rest: string): Wire[] {
  const dot = rest.indexOf(".");
  const stream = state.streams.get(dot === -1 ? rest : rest.slice(0, dot));
  if (message.reply === undefined) return [];
  if (stream === undefined) return [wire(message.reply, undefined, { status: " 503", head: "" })];
  const query = dot === -1 ? json(message.data) : { last_by_subj: rest.slice(dot + 1) };
  return directGet(state.replicaOf(stream, rest), query, message.reply);
}
