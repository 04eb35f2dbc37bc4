import type { JetStreamManager } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../base/clock.ts";
import { rest } from "../../base/rest.ts";
import { errorText } from "../../base/errors.ts";
import { patiently } from "../patiently.ts";
import { SESSIONS_STREAM } from "../topology.ts";
import { answerOf, recognise, type Answer, type Newest } from "./answer.ts";

/** One message for the log of sessions, stored only behind the message `last` of `filter` (0: if there is none). */
export type Entry = {
  subject: string;
  filter: string;
  last: number;
  /** Unique in the stream, so with the session's name in it. */
  messageId: string;
  data: Uint8Array;
  /** Takes of the room that is kept for ends and decisions. */
  urgent: boolean;
};

export type Put =
  | { kind: "stored"; seq: number }
  /** Another message lies there, the newest one that matches the filter. */
  | { kind: "overtaken"; by: number }
  | { kind: "refused"; full: boolean; detail: string };

export type PutDeps = {
  nc: NatsConnection;
  jsm: JetStreamManager;
  clock: Clock;
  /** Bytes that the log had left when it was looked at last. */
  room: () => number;
  /** Ends waiting for a broker that is away; what waits then rejects. */
  signal: AbortSignal;
};

/** Kept for what must still fit into a full log: ends of turns, decisions, what a new owner says first. */
export const RESERVED_BYTES: number = 16 * 1024 * 1024;

/** How long an answer is awaited before the log is asked what became of the append. */
const ANSWER_MS = 2000;
/** Room for the headers, which count as well. */
const HEAD_BYTES = 1024;
/** Pause before an append is tried again: another one may be in flight at the broker. */
const AGAIN_MS = 20;

/** Resolves when the broker has the message on disk, or never will. */
export async function put(deps: PutDeps, entry: Entry): Promise<Put> {
  const { nc, jsm, clock, signal } = deps;
  if (!entry.urgent && deps.room() < RESERVED_BYTES)
    return { kind: "refused", full: true, detail: "what is left is kept for ends and decisions" };
  for (;;) {
    signal.throwIfAborted();
    const answer = await publish(nc, entry);
    if (answer.kind === "stored" || answer.kind === "refused") return answer;
    const newest = await patiently(() => readNewest(jsm, entry.filter), { clock, signal });
    const became = recognise(entry.messageId, entry.last, newest);
    if (became.kind !== "missing") return became;
    await rest(clock, AGAIN_MS, signal);
  }
}

async function publish(nc: NatsConnection, entry: Entry): Promise<Answer> {
  const most = (nc.info?.max_payload ?? Infinity) - HEAD_BYTES;
  if (entry.data.length > most) return { kind: "refused", full: false, detail: `larger than ${most} bytes` };
  const head = headers();
  head.set("Nats-Msg-Id", entry.messageId);
  head.set("Nats-Expected-Last-Subject-Sequence", String(entry.last));
  head.set("Nats-Expected-Last-Subject-Sequence-Subject", entry.filter);
  try {
    const reply = await nc.request(entry.subject, entry.data, { headers: head, timeout: ANSWER_MS });
    return answerOf(reply.string());
  } catch (error) {
    return { kind: "unknown", detail: errorText(error) };
  }
}

/** The newest message that matches. Asked of the stream's leader, because copies may be behind. */
async function readNewest(jsm: JetStreamManager, filter: string): Promise<Newest | undefined> {
  const found = await jsm.streams.getMessage(SESSIONS_STREAM, { last_by_subj: filter });
  return found === null ? undefined : { seq: found.seq, messageId: found.header.get("Nats-Msg-Id") };
}
