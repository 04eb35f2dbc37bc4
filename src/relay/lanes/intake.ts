import { errorText } from "../../shared/base/errors.ts";
import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import { isAnswerTo, parseEventSubject } from "../../shared/log/schema/subjects.ts";
import type { Answers } from "../coordinator/answers.ts";
import type { Gaps } from "../source/gaps.ts";
import type { Delivery } from "../source/pull.ts";
import type { ShardSource } from "../source/source.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { HeldSessions } from "./held-sessions.ts";
import type { HeldTable } from "./held/table.ts";
import type { Lane } from "./lane.ts";
import { addressOf, envelopeOf } from "./stored.ts";

export type IntakeDeps = {
  clock: Clock;
  log: Logger;
  dispatcher: Dispatcher;
  held: HeldSessions;
  /** Which sessions `held` knows something of. It is asked about no other. */
  table: Pick<HeldTable, "has">;
  answers: Answers;
  /** The memory of a shard's numbers. */
  gaps: (shard: number) => Gaps | undefined;
  /** Why an operator paused a session; undefined if it is not paused. */
  paused: (token: string) => string | undefined;
  /** More waiting events of one session than this are left to the log. */
  holdAbove: number;
  /** Numbers of a session are missing. */
  gap: (missing: number) => void;
  /** Counts an event that asks for its answer to go to another gateway. */
  foreign: (what: "answer") => void;
  fatal: (error: Error) => void;
};

/** Puts an event that a shard delivered into its session's lane, or leaves it to the log if the session is held. */
// oxlint-disable-next-line max-lines-per-function -- one function for each event, with its three branches beside it; no object is made per event to pass between them
export function createIntake(deps: IntakeDeps): (shard: ShardSource, delivery: Delivery) => void {
  const { clock, log, dispatcher, held, table, answers } = deps;

  return function deliver(shard, delivery) {
    const { seq, deliverySeq, subject, data: shared } = delivery;
    const address = parseEventSubject(subject);
    if (address === undefined) return passOver(shard, delivery);
    const token = sessionToken(address.session);
    // events of a held session are read from the log again: the consumer does not deliver what was left to the log, and a batch must not continue in part
    const isKnown = table.has(token);
    const isHeld = isKnown && held.reason(token) !== undefined;
    if (!isHeld && dispatcher.renew(token, seq, deliverySeq)) return;
    const data = Buffer.from(shared); // a pooled copy: the socket's buffer is shared and large, and a buffer of its own per event would burden the garbage collector
    let event: ReturnType<typeof envelopeOf>;
    try {
      event = envelopeOf(data, address, seq);
    } catch (error) {
      return deps.fatal(error instanceof Error ? error : new Error(String(error)));
    }
    const { envelope, death } = event;
    if (address.origin === "ev" && death === undefined)
      noticeGap(shard.shard, envelope.session, envelope.epoch, envelope.seq);
    const { answer } = envelope;
    const asked = address.origin === "ev" && answer !== undefined; // no executor waits for events that an operator sends again
    const waiting = asked && isAnswerTo(answer, subject, envelope.id);
    if (asked && !waiting) deps.foreign("answer");
    if (isKnown && held.takes(token, seq, data.length)) {
      if (waiting) answers.accepted(answer, "held");
      return shard.pass(seq, deliverySeq);
    }
    const lane = dispatcher.accept(address.session, token, shard.shard, {
      seq,
      deliverySeq,
      source: shard,
      bytes: data.length,
      envelope,
      data,
      death,
      stale: false,
      waiting,
      arrivedAt: clock.now(),
    });
    holdIfDue(lane);
  };

  function passOver(shard: ShardSource, { seq, deliverySeq, subject, data }: Delivery): void {
    try {
      addressOf(subject, data);
    } catch (error) {
      return deps.fatal(error instanceof Error ? error : new Error(String(error)));
    }
    log.error(
      { subject, seq, code: "envelope_invalid" },
      "skipped a message, because its subject is not that of an event",
    );
    shard.pass(seq, deliverySeq);
  }

  /** A hot or paused session must not fill the consumer's window for the others of its shard (ISOLATE-1). */
  function holdIfDue(lane: Lane): void {
    const pause = deps.paused(lane.token);
    const hot = lane.length > deps.holdAbove && dispatcher.counts().lanes > 1;
    if (pause === undefined && !hot) return;
    if (table.has(lane.token) && held.isChanging(lane.token)) return;
    const reason = pause === undefined ? "backlog" : "paused";
    held.hold(lane, reason, pause ?? `${lane.length} events wait`).catch((error: unknown) => {
      log.warn({ session: lane.session, err: errorText(error) }, "the session could not be held");
    });
  }

  function noticeGap(shard: number, session: string, epoch: string, seq: number): void {
    const missing = deps.gaps(shard)?.check(session, epoch, seq) ?? 0;
    if (missing === 0) return;
    deps.gap(missing);
    log.error({ session, epoch, seq, missing, code: "sequence_gap" }, "a session has gaps in its numbering");
  }
}
