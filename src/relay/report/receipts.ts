import type { JetStreamManager } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";
import type { Msg, NatsConnection } from "@nats-io/nats-core";
import { damageText, readDamages, type DamageCode } from "../../shared/log/state/damage.ts";
import { deadLettersOf, findDeadLetter, type DeadLetter } from "../../shared/log/state/dead-letters.ts";
import { readDropped } from "../../shared/log/state/dropped.ts";
import { redriveIdPrefix } from "../../shared/log/state/redrive.ts";
import { errorText } from "../../shared/base/errors.ts";
import { HEADER } from "../../shared/base/headers.ts";
import { parseJsonWithin, QUESTION } from "../../shared/base/json-scan.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { Receipt, ReceiptQuestion } from "../../shared/messages/receipt.ts";
import {
  askingGateway,
  isOperatorInbox,
  parseEventSubject,
  RECEIPT_SUBJECT,
} from "../../shared/log/schema/subjects.ts";
import { EVENTS_STREAM, stateKey } from "../../shared/log/schema/topology.ts";
import { walk } from "../../shared/log/follow/walk.ts";
import type { Settlement } from "../lanes/index.ts";

/** Queue group: each question goes to one of the relays. */
const QUEUE = "relay";
/** Most replays that one question reads. Beyond them, a redriven event that is pending again counts as delivered. */
const MOST_REPLAYS = 1000;

function nothing(error: unknown): null {
  if (error instanceof Error && "code" in error && error.code === 404) return null;
  throw error;
}

function isOfLog(code: DamageCode): boolean {
  return code === "log_shortened" || code === "log_holes" || code === "log_gone";
}

function holds(ranges: readonly [number, number][], seq: number): boolean {
  return ranges.some(([from, to]) => from <= seq && seq <= to);
}

function parseQuestion(msg: Msg): ReceiptQuestion | undefined {
  const { id, seq } = (parseJsonWithin(msg.data, QUESTION) ?? {}) as Partial<ReceiptQuestion>;
  if (typeof id !== "string" || !/^[\w-]{1,100}$/.test(id)) return undefined;
  return typeof seq === "number" && Number.isSafeInteger(seq) ? { id, seq } : undefined;
}

export type ReceiptDeps = {
  nc: NatsConnection;
  jsm: JetStreamManager;
  kv: KV;
  log: Logger;
  settlement: Settlement;
  /** Called if the reply address belongs to another gateway than the sender's. */
  foreign: (what: "request") => void;
};

/** The newest dead letter of this event, or of an event that redrove it. A dead replay of a delivered event does not count. */
async function letterFor({ jsm }: ReceiptDeps, id: string, seq: number): Promise<DeadLetter | undefined> {
  if ((await findDeadLetter(jsm, id)) === undefined) return undefined; // the usual case, and the fastest
  for (const letter of (await deadLettersOf(jsm, id)).toReversed()) {
    if (letter.origSeq === seq) return letter;
    const died = await jsm.direct.getMessage(EVENTS_STREAM, { seq: letter.origSeq }).catch(nothing);
    if (died?.header.get(HEADER.id).startsWith(redriveIdPrefix(id))) return letter;
  }
  return undefined;
}

/** Where an operator put an event into the log again, last: by redriving its dead letter, or by a replay. Searched in the first {@link MOST_REPLAYS} of its session. */
async function putAgain(
  { jsm }: ReceiptDeps,
  subject: string,
  id: string,
  after: number,
): Promise<{ redriven?: number; replayed?: number }> {
  let found: { redriven?: number; replayed?: number } = {};
  let seen = 0;
  for await (const message of walk(jsm, EVENTS_STREAM, subject, after + 1)) {
    if (message.header.get(HEADER.id).startsWith(redriveIdPrefix(id))) found = { redriven: message.seq };
    const of = message.header.get(HEADER.replayOf);
    const isReplay = [after, found.redriven].some((seq) => of === `${EVENTS_STREAM}:${seq}`);
    if (isReplay) found.replayed = message.seq;
    if (++seen === MOST_REPLAYS) break;
  }
  return found;
}

/** Did a replay of a dropped event die, too? */
async function diedAgain({ jsm }: ReceiptDeps, id: string, seq: number): Promise<boolean> {
  if ((await deadLettersOf(jsm, id)).some(({ origSeq }) => origSeq === seq)) return true;
  return (await readDropped(jsm, id, seq)) !== undefined;
}

/** The state of an event whose sequence now holds another event, or nothing. */
async function absent({ jsm }: ReceiptDeps, { seq }: ReceiptQuestion, isThere: boolean): Promise<Receipt> {
  const lost = (await readDamages(jsm)).find(({ code, ranges }) => isOfLog(code) && holds(ranges, seq));
  if (lost !== undefined) return { state: "lost", seq, reason: damageText(lost) };
  if (isThere) return { state: "unknown" };
  const info = await jsm.streams.info(EVENTS_STREAM);
  return seq >= 1 && seq < info.state.first_seq ? { state: "gone" } : { state: "unknown" };
}

async function answer(deps: ReceiptDeps, question: ReceiptQuestion): Promise<Receipt> {
  const { jsm, kv, settlement } = deps;
  const { id, seq } = question;
  const stored = await jsm.direct.getMessage(EVENTS_STREAM, { seq }).catch(nothing);
  const address = stored === null ? undefined : parseEventSubject(stored.subject);
  if (stored === null || address === undefined || stored.header.get(HEADER.id) !== id)
    return absent(deps, question, stored !== null);
  const { session } = address;
  if (!(await settlement.isOver(session, seq))) return { state: "pending", seq };
  const letter = await letterFor(deps, id, seq);
  if (letter !== undefined) {
    const { reason, status, attempts } = letter;
    return {
      state: "dead",
      seq,
      reason,
      ...(status === undefined ? {} : { status }),
      ...(attempts > 0 ? { attempts } : {}),
    };
  }
  const { redriven, replayed } = await putAgain(
    deps,
    stored.subject.replace(/^rr\.ev\./, "rr.replay."),
    id,
    seq,
  );
  if (redriven !== undefined && !(await settlement.isOver(session, redriven)))
    return { state: "pending", seq };
  const dropped = await readDropped(jsm, id, redriven ?? seq);
  if (dropped !== undefined) {
    const waits = replayed !== undefined && !(await settlement.isOver(session, replayed));
    if (waits) return { state: "pending", seq };
    const refused = replayed === undefined || (await diedAgain(deps, id, replayed));
    return refused ? { state: "dropped", seq, reason: dropped } : { state: "delivered", seq };
  }
  const superseded = await kv.get(stateKey.superseded(id));
  if (superseded?.operation === "PUT") return { state: "superseded", seq, reason: superseded.string() };
  return { state: "delivered", seq };
}

/** True for an operator, or a gateway that asks about its own events. */
function mayAsk({ subject, reply }: Msg): boolean {
  return (
    askingGateway(RECEIPT_SUBJECT, subject, reply) !== undefined ||
    (subject === RECEIPT_SUBJECT && isOperatorInbox(reply))
  );
}

/** Answers gateways' questions about the state of an event. */
export function serveReceipts(deps: ReceiptDeps): { stop(): void } {
  const { nc, log } = deps;
  const options = {
    queue: QUEUE,
    callback(error: Error | null, msg: Msg): void {
      if (error !== null) return;
      if (!mayAsk(msg)) return deps.foreign("request");
      const question = parseQuestion(msg);
      if (question === undefined)
        return void msg.respond(JSON.stringify({ state: "unknown" } satisfies Receipt));
      answer(deps, question).then(
        (receipt) => !nc.isClosed() && msg.respond(JSON.stringify(receipt)),
        (failure: unknown) =>
          log.warn(
            { err: errorText(failure), event: question.id },
            "the receipt of an event could not be determined",
          ),
      );
    },
  };
  const subscriptions = [RECEIPT_SUBJECT, `${RECEIPT_SUBJECT}.*`].map((subject) =>
    nc.subscribe(subject, options),
  );
  return {
    stop() {
      for (const subscription of subscriptions) subscription.unsubscribe();
    },
  };
}
