import type { Logger } from "../../shared/base/logger.ts";
import type { Budget } from "./budget.ts";
import { MAX_WHOLE, type Lane } from "./lane.ts";
import { REPLICA_LAG_MS } from "../source/direct.ts";
import type { LeaderWord, Stored } from "./stored.ts";
import type { TurnOutcome } from "./turn-outcome.ts";

/** Reads in a row that find nothing, this far apart, before an event counts as deleted. */
const GONE_AFTER = 5;
const GONE_PAUSE_MS: number = REPLICA_LAG_MS / (GONE_AFTER - 1);

/** Reads the message of a lane's head from the log, and those that follow it. Returns an outcome if that is not possible. */
export function createFetch(deps: {
  log: Logger;
  budget: Budget;
  /** Reads messages of a session from the log, `from` first, in order; undefined when the log cannot be read now. */
  read: (session: string, from: number) => Promise<Stored[] | undefined>;
  /** The first event of a session from a number on, as the log's leader has it, which knows at least the number `known`. */
  readLeader: (session: string, from: number, known: number) => Promise<LeaderWord>;
}): (lane: Lane) => Promise<TurnOutcome | undefined> {
  const { log, budget } = deps;

  return async function fetch(lane: Lane): Promise<TurnOutcome | undefined> {
    const head = lane.peek();
    if (head === undefined) return { kind: "again" };
    const stored = await deps.read(lane.session, head.seq);
    if (stored === undefined) return { kind: "retry", reason: "the log cannot be read", counts: false };
    if (lane.peek() !== head) return { kind: "again" }; // cleared meanwhile
    const bySeq = new Map(stored.map((message) => [message.seq, message]));
    if (!bySeq.has(head.seq)) {
      // a copy that lags behind has nothing, or has not got so far
      const word = await deps.readLeader(lane.session, head.seq, head.seq);
      if (lane.peek() !== head) return { kind: "again" };
      if (word === undefined)
        return { kind: "retry", reason: "the log's leader cannot be asked", counts: false };
      if (word !== "none") bySeq.set(word.seq, word);
    }
    for (let i = 0; i < MAX_WHOLE; i++) {
      const entry = lane.peek(i);
      const message = entry === undefined ? undefined : bySeq.get(entry.seq);
      if (entry === undefined || message === undefined || (i > 0 && !budget.tryTake(entry.bytes))) break;
      if (i === 0) budget.take(entry.bytes);
      entry.envelope = message.envelope;
      entry.data = message.data;
      entry.death = message.death ?? entry.death;
    }
    if (head.envelope !== undefined) {
      lane.notFound = 0;
      return undefined;
    }
    // an event is gone only if the leader said so again and again, or if a copy has later events of the session without it as well
    if (++lane.notFound < GONE_AFTER && stored.length === 0) {
      const reason = "the log does not have the event yet";
      return { kind: "retry", reason, counts: false, retryAfterMs: GONE_PAUSE_MS };
    }
    lane.notFound = 0;
    log.error({ session: lane.session, seq: head.seq, code: "sequence_gap" }, "event is gone from the log");
    lane.take(1);
    return { kind: "settled", how: "gone" };
  };
}
