import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { showNumber } from "../../shared/log/append/message.ts";
import type { Durability } from "../../shared/log/durability/durability.ts";
import { refuseUnread, send, sendProblem } from "../../shared/http/reply.ts";
import { handoutOf } from "./handout.ts";
import type { Conclusion, CoordinatorAnswer, StoredOutcome } from "./waiting.ts";
import { lineOf, type Refused, type WriteCall } from "./write-call.ts";
import type { WriteCounts } from "./write-counts.ts";

/** Answers executors, counts the answers and logs them. */
export type Replies = {
  /** Says how a write ended. Returns whether the executor was still there, as far as can be known. */
  conclude(call: WriteCall, conclusion: Conclusion): boolean;
  refuse(call: WriteCall, refused: Omit<Refused, "kind">): void;
};

export function createReplies(deps: {
  durability: () => Durability;
  counts: WriteCounts;
  clock: Clock;
  logger: Logger;
}): Replies {
  const { durability, counts, clock, logger } = deps;

  function refuse(call: WriteCall, { code, detail }: Omit<Refused, "kind">): void {
    counts.refused(code);
    call.span?.set({ "runner_relay.code": code });
    const { request, response } = call;
    if (request.complete) sendProblem(response, code, detail);
    else refuseUnread(request, response, code, detail);
    logger.warn({ ...lineOf(call, clock.now()), code, detail }, "write refused");
  }

  function finish(call: WriteCall, told: boolean, status: number): boolean {
    if (!told) counts.clientGone++;
    if (logger.isLevelEnabled("debug"))
      logger.debug({ ...lineOf(call, clock.now()), status, told }, "write answered");
    return told;
  }

  function tellAccepted(call: WriteCall, stored: StoredOutcome): boolean {
    counts.answeredAccepted++;
    const id = call.id ?? "";
    const headers: Record<string, string> = {
      "content-type": "application/json",
      location: `/_relay/deliveries/${id}?seq=${stored.streamSeq}`,
    };
    if (call.applied !== undefined) headers["preference-applied"] = call.applied;
    const body = acceptedBody(id, stored, durability());
    return finish(call, send(call.response, 202, headers, body), 202);
  }

  function tellAnswer(call: WriteCall, answer: CoordinatorAnswer): boolean {
    const { status, headers, body } = handoutOf(answer);
    if (call.applied !== undefined) headers["preference-applied"] = call.applied;
    const told = send(call.response, status, headers, body);
    counts.answeredByCoordinator++;
    return finish(call, told, status);
  }

  return {
    refuse,
    conclude(call, conclusion) {
      switch (conclusion.kind) {
        case "failed":
          refuse(call, conclusion.outcome);
          return true;
        case "accepted":
          return tellAccepted(call, conclusion.stored);
        case "answer":
          try {
            return tellAnswer(call, conclusion.answer);
          } catch (error) {
            // Headers that cannot be sent, for one. The event is stored all the same.
            const line = { ...lineOf(call, clock.now()), err: error };
            logger.error(line, "the coordinator's answer cannot be passed on");
            return tellAccepted(call, conclusion.stored);
          }
      }
    },
  };
}

/** All parts are ours and need no escaping. */
function acceptedBody(id: string, { streamSeq, number }: StoredOutcome, durability: Durability): string {
  const seq = number === undefined ? "null" : `"${showNumber(number)}"`;
  return `{"ok":true,"status":"accepted","event_id":"${id}","stream_seq":${streamSeq},"session_seq":${seq},"durability":"${durability}"}`;
}
