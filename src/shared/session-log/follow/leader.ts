import type { JetStreamManager } from "@nats-io/jetstream";
import type { Clock } from "../../base/clock.ts";
import { patiently } from "../patiently.ts";
import { wholeSession } from "../subjects.ts";
import { SESSION_STATE_BUCKET, SESSION_STATE_STREAM, SESSIONS_STREAM } from "../topology.ts";

/** What only the leader of a stream knows for sure. Direct gets may come from a copy that is behind (three servers: 54 of 500 were). */
export type Leader = {
  /** The last sequence of the log. */
  end(): Promise<number>;
  /** The last sequence of a session; 0 if nothing of it is there. */
  lastOf(session: string): Promise<number>;
  /** The first sequence from `from` on; undefined if there is none. */
  next(from: number): Promise<number | undefined>;
  /** Below this sequence retention removed events of a session; 0 if it removed none. */
  floorOf(session: string): Promise<number>;
};

/** Asks again for as long as the broker is away, until `signal`. */
export function createLeader(deps: { jsm: JetStreamManager; clock: Clock; signal: AbortSignal }): Leader {
  const { jsm } = deps;
  return {
    end: () => patiently(async () => (await jsm.streams.info(SESSIONS_STREAM)).state.last_seq, deps),
    lastOf: (session) =>
      patiently(async () => {
        const last_by_subj = wholeSession(session);
        return (await jsm.streams.getMessage(SESSIONS_STREAM, { last_by_subj }))?.seq ?? 0;
      }, deps),
    next: (from) =>
      patiently(async () => {
        const query: { seq: number } & { next_by_subj: string } = { seq: from, next_by_subj: ">" }; // the client's type lacks the second
        return (await jsm.streams.getMessage(SESSIONS_STREAM, query))?.seq;
      }, deps),
    floorOf: (session) =>
      patiently(async () => {
        const last_by_subj = `$KV.${SESSION_STATE_BUCKET}.floor.${session}`;
        const found = await jsm.streams.getMessage(SESSION_STATE_STREAM, { last_by_subj });
        const floor = found === null || found.header.has("KV-Operation") ? 0 : Number(found.string());
        return Number.isSafeInteger(floor) ? floor : 0;
      }, deps),
  };
}
