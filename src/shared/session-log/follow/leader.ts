import type { JetStreamManager } from "@nats-io/jetstream";
import type { Clock } from "../../base/clock.ts";
import { patiently } from "../patiently.ts";
import { keyOf, keySubject } from "../state/keys.ts";
import { readKey } from "../state/bucket.ts";
import { wholeSession } from "../subjects.ts";
import { SESSION_STATE_STREAM, SESSIONS_STREAM } from "../topology.ts";
import { logName } from "./cursor.ts";

/** The end of the log as its leader knows it. */
export type LogEnd = {
  last: number;
  /** Name of the log: one that was made in its place has another. */
  log: string;
  /** Bytes that still fit. */
  room: number;
  /** Several servers have it, so that who was its leader may answer for a while as if that had not changed. */
  replicated: boolean;
};

/** A session that was deleted, and the revision of its tombstone. */
export type Deletion = { session: string; revision: number };

/** What only the leader of a stream knows for sure. Direct gets may come from a copy that is behind (three servers: 54 of 500 were). */
export type Leader = {
  end(): Promise<LogEnd>;
  /** The last sequence of a session; 0 if nothing of it is there. */
  lastOf(session: string): Promise<number>;
  /** The first sequence from `from` on; undefined if there is none. */
  next(from: number): Promise<number | undefined>;
  /** Below this sequence retention removed events of a session; 0 if it removed none. */
  floorOf(session: string): Promise<number>;
  isDeleted(session: string): Promise<boolean>;
  /** Revision of the newest deletion; 0 if there is none. */
  lastDeletion(): Promise<number>;
  /** The first deletion above a revision. */
  deletionAfter(revision: number): Promise<Deletion | undefined>;
};

/** A query that the client's types lack a member of. */
type NextBySubject = { seq: number } & { next_by_subj: string };

/** Asks again for as long as the broker is away, until `signal`. */
export function createLeader(deps: { jsm: JetStreamManager; clock: Clock; signal: AbortSignal }): Leader {
  const { jsm } = deps;
  const ask = <T>(question: () => Promise<T>): Promise<T> => patiently(question, deps);
  return {
    end: () =>
      ask(async () => {
        const { created, config, state } = await jsm.streams.info(SESSIONS_STREAM);
        const room = config.max_bytes > 0 ? config.max_bytes - state.bytes : Infinity;
        const replicated = config.num_replicas > 1;
        return { last: state.last_seq, log: logName(created), room, replicated };
      }),
    lastOf: (session) =>
      ask(async () => {
        const last_by_subj = wholeSession(session);
        return (await jsm.streams.getMessage(SESSIONS_STREAM, { last_by_subj }))?.seq ?? 0;
      }),
    next: (from) =>
      ask(async () => {
        const query: NextBySubject = { seq: from, next_by_subj: ">" };
        return (await jsm.streams.getMessage(SESSIONS_STREAM, query))?.seq;
      }),
    floorOf: (session) =>
      ask(async () => {
        const found = await readKey(jsm, keyOf.floor(session));
        const floor = found?.value === undefined ? 0 : Number(new TextDecoder().decode(found.value));
        return Number.isSafeInteger(floor) ? floor : 0;
      }),
    isDeleted: (session) =>
      ask(async () => (await readKey(jsm, keyOf.tombstone(session)))?.value !== undefined),
    lastDeletion: () => ask(async () => (await readKey(jsm, keyOf.tombstone("*")))?.revision ?? 0),
    deletionAfter: (revision) =>
      ask(async () => {
        const query: NextBySubject = { seq: revision + 1, next_by_subj: keySubject(keyOf.tombstone("*")) };
        const found = await jsm.streams.getMessage(SESSION_STATE_STREAM, query);
        if (found === null) return undefined;
        return { session: found.subject.split(".").at(-1) ?? "", revision: found.seq };
      }),
  };
}
