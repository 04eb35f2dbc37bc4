import { readShardCount } from "./read-shard-count.ts";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../base/clock.ts";
import { codedError } from "../../base/errors.ts";
import { heldUnder } from "./held.ts";
import { parseJsonWithin, RECORD_JSON } from "../../base/json-scan.ts";
import { sessionIdProblem, sessionToken } from "../schema/session-id.ts";
import { decodeStates, deleteState, putState, readState } from "./state-store.ts";
import { sessionFilter } from "../schema/subjects.ts";
import { EVENTS_STREAM, stateKey } from "../schema/topology.ts";

/** Under `stateKey.paused`: present while nothing may be sent to the coordinator. */
export type PauseRecord = {
  v: 1;
  /** Wall clock, milliseconds since 1970. */
  since: number;
  /** For people: why. */
  text: string;
  /** For people: who paused. */
  by?: string;
  /** A relay wrote it, because an event was refused and the poison policy is `stop`; absent: an operator did. */
  reason?: "poison_stop";
};

/** Under `stateKey.control(token)`: what an operator wants of one session. */
export type ControlRecord = {
  v: 1;
  session: string;
  /** `pause` stays as long as the session is paused; `resume` is carried out by the relay that has the session, and deleted. */
  action: "pause" | "resume";
  /** For people: why. */
  text: string;
  /** For people: who wants it. */
  by?: string;
  /** Wall clock, milliseconds since 1970. */
  at: number;
  /** With `resume`: the event at this sequence is not sent but becomes a dead letter. */
  skip?: number;
};

/** What operators want now. */
export type Controls = { paused?: PauseRecord; sessions: ControlRecord[] };

/** A wish that was written. It is in force once relays publish a revision that is not lower (`controls` in `rr.state`). */
export type Wish = { record: ControlRecord; revision: number };

/** Longest text that is kept, characters. */
const MAX_TEXT = 500;
/** Longest name of an operator, characters. */
const MAX_NAME = 100;

/**
 * Pauses and resumes by writing wishes into the state bucket. Relays carry them out, as soon as one is there. Commands and the status page use it:
 * the users of operators, the console and relays may write there.
 */
export type Control = {
  /** Pauses everything; a second time changes the text only. */
  pauseAll(text: string): Promise<PauseRecord>;
  /** Ends a pause of everything, also one by a poison event, which is then tried again. False if nothing was paused. */
  resumeAll(): Promise<boolean>;
  /** Throws `session_id_invalid`. A session that does not exist yet can be paused. */
  pauseSession(session: string, text: string): Promise<Wish>;
  /**
   * Resumes a paused or parked session; its first waiting event is then tried again, or with `skipHead` becomes a dead letter.
   * Throws `nothing_found` if the session is neither, or there is no event to skip.
   */
  resumeSession(session: string, options?: { skipHead?: boolean }): Promise<Wish>;
  /** Throws `schema_newer`. */
  readControls(): Promise<Controls>;
};

export type ControlDeps = {
  nc: NatsConnection;
  jsm: JetStreamManager;
  clock: Clock;
  /** Who wants what is written, for people: `alice@host`. */
  by?: string;
};

export function createControl(deps: ControlDeps): Control {
  const { nc, jsm, clock } = deps;
  const who = deps.by === undefined ? {} : { by: deps.by.slice(0, MAX_NAME) };

  async function put(key: string, record: PauseRecord | ControlRecord): Promise<number> {
    return putState(nc, key, new TextEncoder().encode(JSON.stringify(record)));
  }

  return {
    async pauseAll(text) {
      const stored = await readState(jsm, stateKey.paused);
      const since = stored === undefined ? clock.wall() : decodePause(stored.value, stored.at).since;
      const record: PauseRecord = { v: 1, since, text: shorten(text), ...who };
      await put(stateKey.paused, record);
      return record;
    },
    async resumeAll() {
      for (;;) {
        const stored = await readState(jsm, stateKey.paused);
        if (stored === undefined) return false;
        if (await deleteState(nc, stateKey.paused, stored.revision)) return true; // otherwise its text has changed since
      }
    },
    async pauseSession(session, text) {
      checkSession(session);
      const record: ControlRecord = {
        v: 1,
        session,
        action: "pause",
        text: shorten(text),
        ...who,
        at: clock.wall(),
      };
      const key = stateKey.control(sessionToken(session));
      return { record, revision: await put(key, record) };
    },
    async resumeSession(session, { skipHead = false } = {}) {
      checkSession(session);
      const skip = await checkResume(jsm, session, skipHead);
      const record: ControlRecord = {
        v: 1,
        session,
        action: "resume",
        text: "",
        ...who,
        at: clock.wall(),
        ...(skip === undefined ? {} : { skip }),
      };
      return { record, revision: await put(stateKey.control(sessionToken(session)), record) };
    },
    readControls: () => readControls(jsm),
  };
}

/** Throws `nothing_found` if there is nothing to resume, or no event to skip. The sequence of that event. */
async function checkResume(
  jsm: JetStreamManager,
  session: string,
  skipHead: boolean,
): Promise<number | undefined> {
  const token = sessionToken(session);
  const [wish, stored] = await Promise.all([
    readState(jsm, stateKey.control(token)),
    readState(jsm, stateKey.held(token)),
  ]);
  const held = stored && heldUnder(stateKey.held(token), stored);
  if (wish === undefined && (held === undefined || held.reason === "backlog"))
    throw codedError(
      "nothing_found",
      skipHead
        ? `session ${session} is neither paused nor parked; pause it before its first event is skipped`
        : `session ${session} is neither paused nor parked`,
    );
  if (!skipHead) return undefined;
  const head =
    held &&
    (await jsm.direct.getMessage(EVENTS_STREAM, {
      seq: held.from,
      next_by_subj: sessionFilter(session, await readShardCount(jsm)),
    }));
  if (!head) throw codedError("nothing_found", `no event of session ${session} is held`);
  return head.seq;
}

/** What operators want now. Throws `schema_newer`. */
export async function readControls(jsm: JetStreamManager): Promise<Controls> {
  const [paused, wishes] = await Promise.all([
    readState(jsm, stateKey.paused),
    decodeStates(jsm, stateKey.control("*"), ({ value }) => decodeControl(value)),
  ]);
  return {
    ...(paused === undefined ? {} : { paused: decodePause(paused.value, paused.at) }),
    sessions: [...wishes.values()].filter((wish) => wish !== undefined),
  };
}

/** Opens it on a plain connection, with a JetStream manager of its own. */
export async function openControl(nc: NatsConnection, clock: Clock, by?: string): Promise<Control> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  return createControl({ nc, jsm, clock, ...(by === undefined ? {} : { by }) });
}

/**
 * Reads a pause. Any value counts as one, also the plain text of a `nats kv put`; it then began `at` (milliseconds since 1970). Throws
 * `schema_newer`. Pure.
 */
export function decodePause(bytes: Uint8Array, at: number): PauseRecord {
  const it = objectOf(bytes);
  if (it === undefined) {
    // a character takes at most four bytes
    const text = new TextDecoder().decode(bytes.subarray(0, 4 * (MAX_TEXT + 1)));
    return { v: 1, since: at, text: shorten(text) };
  }
  return {
    v: 1,
    since: typeof it["since"] === "number" ? it["since"] : at,
    text: typeof it["text"] === "string" ? shorten(it["text"]) : "",
    ...nameIn(it),
    ...(it["reason"] === "poison_stop" ? { reason: "poison_stop" } : {}),
  };
}

/** Reads a wish. Undefined for a value that is none: a typing error must not stop a relay. Throws `schema_newer`. Pure. */
export function decodeControl(bytes: Uint8Array): ControlRecord | undefined {
  const it = objectOf(bytes);
  if (it === undefined) return undefined;
  const { session, action, text, at, skip } = it;
  if (
    typeof session !== "string" ||
    sessionIdProblem(session) !== undefined ||
    (action !== "pause" && action !== "resume")
  )
    return undefined;
  return {
    v: 1,
    session,
    action,
    text: typeof text === "string" ? shorten(text) : "",
    ...nameIn(it),
    at: typeof at === "number" ? at : 0,
    ...(Number.isSafeInteger(skip) ? { skip: Number(skip) } : {}),
  };
}

function nameIn({ by }: Record<string, unknown>): { by?: string } {
  return typeof by === "string" && by !== "" ? { by: by.slice(0, MAX_NAME) } : {};
}

function objectOf(bytes: Uint8Array): Record<string, unknown> | undefined {
  const value = parseJsonWithin(bytes, RECORD_JSON);
  if (typeof value !== "object" || value === null || !("v" in value) || typeof value.v !== "number")
    return undefined;
  if (value.v > 1) throw codedError("schema_newer", `control record version ${value.v} is newer than 1`);
  return { ...value };
}

/** Throws `session_id_invalid`. Pure. */
export function checkSession(session: string): void {
  const problem = sessionIdProblem(session);
  if (problem !== undefined)
    throw codedError("session_id_invalid", `the session id cannot be used: ${problem}`);
}

function shorten(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text;
}
