import type { JetStreamManager } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../base/clock.ts";
import { errorText } from "../../base/errors.ts";
import { patiently } from "../patiently.ts";
import { ownerFilter, outSubject } from "../subjects.ts";
import { SESSIONS_STREAM } from "../topology.ts";
import { answerOf, recognise, type Answer, type Newest } from "./answer.ts";

// answer.ts reads the broker's words and decides what became of an append · coalesce.ts makes few appends of many deltas
// One writer per session that its process owns. It has one append in flight, because each names the one before it: that is what keeps a second owner out
// (and what orders the events), so that nothing is won by sending the next one earlier.

export type OwnerEvent = {
  /** Unique in the session. */
  id: string;
  kind: string;
  data: Uint8Array;
};

export type Appended =
  | { kind: "stored"; seq: number }
  /** Another process owns the session by now. Nothing can be written any more. */
  | { kind: "overtaken"; by: number }
  | { kind: "refused"; full: boolean; detail: string };

export type OwnerWriter = {
  /** Resolves when the broker has the event on disk, or never will. Events are stored in the order of the calls. */
  append(event: OwnerEvent): Promise<Appended>;
  /** Sequence of the owner's newest event. */
  last(): number;
};

/** How long an answer is awaited before the log is asked what became of the append. */
const ANSWER_MS = 2000;
/** Room for the headers, which count as well. */
const HEAD_BYTES = 1024;
/** Pause before an append is tried again: another one may be in flight at the broker. */
const AGAIN_MS = 20;

/** Writes what the owner of `session` says, behind its event `last` (0: none). `signal` ends waiting for a broker that is away; appends then reject. */
export function createOwnerWriter(deps: {
  nc: NatsConnection;
  jsm: JetStreamManager;
  clock: Clock;
  session: string;
  last: number;
  signal: AbortSignal;
}): OwnerWriter {
  const { nc, jsm, clock, session, signal } = deps;
  let { last } = deps;
  let lost: Appended | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  const newest = (): Promise<Newest | undefined> => readNewest(jsm, session);

  async function put(event: OwnerEvent): Promise<Appended> {
    const messageId = `${session}.${event.id}`; // ids are per stream at the broker
    while (lost === undefined) {
      signal.throwIfAborted();
      const answer = await publish(nc, session, { event, messageId, last });
      if (answer.kind === "refused") return answer;
      const became =
        answer.kind === "stored"
          ? answer
          : recognise(messageId, last, await patiently(newest, { clock, signal }));
      if (became.kind === "stored") {
        last = became.seq;
        return became;
      }
      if (became.kind === "overtaken") lost = became;
      else await new Promise<void>((resolve) => clock.after(AGAIN_MS, resolve));
    }
    return lost;
  }

  return {
    append(event) {
      const appended = turn.then(() => put(event));
      turn = appended.catch(() => undefined);
      return appended;
    },
    last: () => last,
  };
}

async function publish(
  nc: NatsConnection,
  session: string,
  { event, messageId, last }: { event: OwnerEvent; messageId: string; last: number },
): Promise<Answer> {
  const most = (nc.info?.max_payload ?? Infinity) - HEAD_BYTES;
  if (event.data.length > most) return { kind: "refused", full: false, detail: `larger than ${most} bytes` };
  const head = headers();
  head.set("Nats-Msg-Id", messageId);
  head.set("Nats-Expected-Last-Subject-Sequence", String(last));
  head.set("Nats-Expected-Last-Subject-Sequence-Subject", ownerFilter(session));
  try {
    const reply = await nc.request(outSubject(session, event.kind), event.data, {
      headers: head,
      timeout: ANSWER_MS,
    });
    return answerOf(reply.string());
  } catch (error) {
    return { kind: "unknown", detail: errorText(error) };
  }
}

/** The owner's newest event. Asked of the stream's leader, because copies may be behind. */
async function readNewest(jsm: JetStreamManager, session: string): Promise<Newest | undefined> {
  const found = await jsm.streams.getMessage(SESSIONS_STREAM, { last_by_subj: ownerFilter(session) });
  return found === null ? undefined : { seq: found.seq, messageId: found.header.get("Nats-Msg-Id") };
}
