import type { ListedSessions } from "../../shared/session-log/registry/list.ts";
import type { Session } from "../../shared/session-log/registry/entry.ts";
import type { Pod } from "../../shared/session-log/tokens/pods.ts";
import type { Caller, Refusal } from "../access/caller.ts";
import { activeTurn, unfinished, type ActiveTurn } from "./active-turn.ts";
import { decide, input, setMode, type Answered, type Decision, type Input } from "./answers.ts";
import { patch, remove } from "./change.ts";
import { create, type Created, type CreateRequest } from "./create.ts";
import { awaitSession } from "./await-session.ts";
import { deliver, type Delivered, type Message } from "./deliver.ts";
import type { CoreDeps, Within } from "./deps.ts";
import { readEvents, type EventsPage, type EventsRequest } from "./events.ts";
import { find, locate, type Located, type SessionRef } from "./find.ts";
import { list, type ListRequest } from "./list.ts";
import { withPatience } from "./patience.ts";
import { bind, makeJoin, type Bound, type JoinSecret } from "./pods.ts";
import { record, type RecordRequest } from "./record.ts";
import { push, type Pushed, type PushedEvent } from "./push.ts";
import type { TurnView } from "./turn-views.ts";
import {
  cancel,
  findTurn,
  listTurns,
  submitTurn,
  type SubmittedTurn,
  type TurnRequest,
  type TurnsPage,
} from "./turns.ts";
import { lacks } from "../access/caller.ts";

// create.ts, change.ts, list.ts, find.ts: sessions · turns.ts, turn-views.ts, active-turn.ts: turns · answers.ts: what their user says meanwhile · push.ts, deliver.ts, record.ts: what comes from outside · pods.ts: who may get a token of a session · await-session.ts, arrivals.ts: sessions that are not there yet ·
// events.ts, backwards.ts, read.ts: what happened · patience.ts bounds each of them
// Every protocol does these and nothing else, so that they agree on who may what. No operation knows of HTTP: its outcome is a value. What it reports as stored is on disk.

/** What callers can do. */
export type Core = {
  create(caller: Caller, request: CreateRequest): Promise<Created | Refusal>;
  find(caller: Caller, ref: SessionRef): Promise<Session | Refusal>;
  list(caller: Caller, request: ListRequest): Promise<ListedSessions | Refusal>;
  patch(caller: Caller, ref: SessionRef, metadata: Record<string, unknown>): Promise<Session | Refusal>;
  remove(caller: Caller, ref: SessionRef): Promise<{ kind: "deleted" } | Refusal>;
  submitTurn(caller: Caller, ref: SessionRef, request: TurnRequest): Promise<SubmittedTurn | Refusal>;
  findTurn(caller: Caller, ref: SessionRef, turn: string): Promise<TurnView | Refusal>;
  listTurns(
    caller: Caller,
    ref: SessionRef,
    page: { after: number; limit: number },
  ): Promise<TurnsPage | Refusal>;
  activeTurn(caller: Caller, ref: SessionRef): Promise<ActiveTurn | Refusal>;
  /** Names of all sessions with a turn that has not ended: of use with a list of what the caller may see. */
  unfinished(): Promise<ReadonlySet<string> | Refusal>;
  cancel(
    caller: Caller,
    ref: SessionRef,
    turn: string,
    reason?: string,
  ): Promise<{ kind: "accepted"; seq: number } | { kind: "ended"; turn: TurnView } | Refusal>;
  decide(caller: Caller, ref: SessionRef, request: string, decision: Decision): Promise<Answered | Refusal>;
  input(caller: Caller, ref: SessionRef, input: Input): Promise<Answered | Refusal>;
  setMode(caller: Caller, ref: SessionRef, mode: string): Promise<Answered | Refusal>;
  push(caller: Caller, ref: SessionRef, events: readonly PushedEvent[]): Promise<Pushed | Refusal>;
  record(caller: Caller, request: RecordRequest): Promise<{ kind: "recorded" } | Refusal>;
  /** The same for one message, which makes its session if nobody knows its id. Answered well within the 5 s that pods wait. */
  deliver(caller: Caller, ref: SessionRef, message: Message): Promise<Delivered | Refusal>;
  bindPod(caller: Caller, ref: SessionRef, pod: Pod): Promise<Bound | Refusal>;
  makeJoinSecret(caller: Caller, ref: SessionRef): Promise<JoinSecret | Refusal>;
  /** A session, as soon as it is there. Rejects with the reason of `signal`. */
  awaitSession(caller: Caller, ref: SessionRef, signal: AbortSignal): Promise<Session | Refusal>;
  readEvents(caller: Caller, ref: SessionRef, request: EventsRequest): Promise<EventsPage | Refusal>;
};

/** A pod gives up a push after 5 s, and does not repeat it. */
const DELIVER_MS = 3500;

const locateFor = async (of: Within, caller: Caller, ref: SessionRef): Promise<Located | Refusal> =>
  lacks(caller, "read") ?? (await locate(of, caller, ref));

export function createCore(deps: CoreDeps): Core {
  const within =
    <A extends unknown[], T>(operation: (within: Within, ...args: A) => Promise<T | Refusal>) =>
    (...args: A): Promise<T | Refusal> =>
      withPatience(deps, (of) => operation(of, ...args));
  /** The same for what writes, which users may do so many times a second. */
  const writing =
    <A extends unknown[], T>(
      operation: (within: Within, caller: Caller, ...args: A) => Promise<T | Refusal>,
    ) =>
    async (caller: Caller, ...args: A): Promise<T | Refusal> =>
      deps.gate.write(caller, 1) ?? (await withPatience(deps, (of) => operation(of, caller, ...args)));
  return {
    create: writing(create),
    find: within(
      async (of, caller: Caller, ref: SessionRef) => lacks(caller, "read") ?? find(of, caller, ref),
    ),
    list: within(list),
    patch: writing(patch),
    remove: writing(remove),
    submitTurn: writing(submitTurn),
    findTurn: within(findTurn),
    listTurns: within(listTurns),
    activeTurn: within(activeTurn),
    unfinished: within(unfinished),
    cancel: writing(cancel),
    decide: writing(decide),
    input: writing(input),
    setMode: writing(setMode),
    push: within(
      async (of, caller: Caller, ref: SessionRef, events: readonly PushedEvent[]) =>
        of.gate.write(caller, events.length) ?? push(of, caller, ref, events),
    ),
    record: writing(record),
    async deliver(caller, ref, message) {
      const work = (of: Within): Promise<Delivered | Refusal> => deliver(of, caller, ref, message);
      return deps.gate.write(caller, 1) ?? (await withPatience(deps, work, DELIVER_MS));
    },
    bindPod: writing(bind),
    makeJoinSecret: writing(makeJoin),
    awaitSession: (caller, ref, signal) =>
      awaitSession(deps, () => withPatience(deps, (of) => locateFor(of, caller, ref)), ref.id, signal),
    readEvents: within(readEvents),
  };
}
