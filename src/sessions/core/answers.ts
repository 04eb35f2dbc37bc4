import type { ReadEvent } from "../../shared/session-log/follow/stored-event.ts";
import type { Session } from "../../shared/session-log/registry/entry.ts";
import { inSubject, outSubject } from "../../shared/session-log/subjects.ts";
import { factOf } from "../../shared/session-log/turns/fact.ts";
import { decide as storeDecision } from "../../shared/session-log/turns/request.ts";
import { openTurns } from "../../shared/session-log/turns/unfinished.ts";
import { storeWish, wishToken, type Requested } from "../../shared/session-log/turns/wish.ts";
import { patiently } from "../../shared/session-log/patiently.ts";
import { isRefusal, lacks, refuse, type Caller, type Refusal } from "../access/caller.ts";
import { dataProblem } from "./data.ts";
import type { Within } from "./deps.ts";
import { find, type SessionRef } from "./find.ts";
import { eventsOf, lastOf } from "./read.ts";

/** It lies in the log. `repeated`: it lay there before. */
export type Answered = { kind: "answered"; seq: number; repeated: boolean };

/** The form of the names that questions have. Others are of no question. */
const REQUEST = /^[\w-]{1,64}$/;

const UNKNOWN_QUESTION: Refusal = refuse("question_unknown", "the session has no such question");
const CLOSED: Refusal = refuse(
  "question_closed",
  "the question was answered otherwise, or its turn has ended",
);

export type Decision = { allow: boolean; message?: string; remember?: boolean };

/** Answers a question of an agent. The first answer counts: an equal one later is a repeat, another one is refused (ASK-1). */
export async function decide(
  deps: Within,
  caller: Caller,
  ref: SessionRef,
  request: string,
  decision: Decision,
): Promise<Answered | Refusal> {
  const session = lacks(caller, "user") ?? (await find(deps, caller, ref));
  if (isRefusal(session)) return session;
  if (!REQUEST.test(request)) return UNKNOWN_QUESTION;
  const given = await decisionAbout(deps, session, request);
  if (given !== undefined) return given.allow === decision.allow ? repeated(given.seq) : CLOSED;
  const state = await questionIn(deps, session, request);
  if (state !== "open") return state === "closed" ? CLOSED : UNKNOWN_QUESTION;
  const stored = await storeDecision(deps, session, request, decision);
  if (stored.kind === "accepted") return answered(stored);
  const first = await decisionAbout(deps, session, request);
  return first?.allow === decision.allow ? repeated(stored.seq) : CLOSED;
}

function answered({ kind, seq }: Requested): Answered {
  return { kind: "answered", seq, repeated: kind === "repeated" };
}

function repeated(seq: number): Answered {
  return { kind: "answered", seq, repeated: true };
}

/** The decision that the log has about a question. */
async function decisionAbout(
  deps: Within,
  session: Session,
  request: string,
): Promise<{ seq: number; allow: boolean } | undefined> {
  const subject = inSubject(session.name, "decision", request);
  if ((await lastOf(deps, subject)) === 0) return undefined;
  for await (const event of eventsOf(deps, subject, 0)) {
    const fact = factOf(event);
    if (fact.type === "decided") return { seq: event.seq, allow: fact.allow };
  }
  return undefined;
}

/** Questions are open only in the turn that runs, so that nothing before its start is read. */
async function questionIn(
  deps: Within,
  { name }: Session,
  request: string,
): Promise<"open" | "closed" | "unknown"> {
  const names = (event: ReadEvent): boolean => {
    const fact = factOf(event);
    return (fact.type === "asked" || fact.type === "resolved") && fact.request === request;
  };
  const begin = await lastOf(deps, outSubject(name, "turn_started"));
  if (!(await hasEvent(eventsOf(deps, outSubject(name, "permission_request"), begin), names)))
    return "unknown";
  const ended = (await lastOf(deps, outSubject(name, "turn_ended"))) > begin;
  const isResolved =
    ended || (await hasEvent(eventsOf(deps, outSubject(name, "permission_resolved"), begin), names));
  return isResolved ? "closed" : "open";
}

async function hasEvent(
  events: AsyncIterable<ReadEvent>,
  is: (event: ReadEvent) => boolean,
): Promise<boolean> {
  for await (const event of events) if (is(event)) return true;
  return false;
}

export type Input = {
  /** The agent's name for what it asked, or the client's for what it says unasked. */
  id?: string | undefined;
  /** JSON. */
  data: Uint8Array;
};

/** Says something to the agent that runs. The first answer to each `id` counts. */
export async function input(
  deps: Within,
  caller: Caller,
  ref: SessionRef,
  { id = deps.random(), data }: Input,
): Promise<Answered | Refusal> {
  const session = lacks(caller, "user") ?? dataProblem(data) ?? (await find(deps, caller, ref));
  if (isRefusal(session)) return session;
  if ((await patiently(() => openTurns(deps.jsm, session.name), deps)) === 0)
    return refuse("nothing_runs", "no turn of the session runs that could hear it");
  return answered(
    await storeWish(deps, session, { kind: "input", token: wishToken(id), data, urgent: false }),
  );
}

/** Says from now on how much the agent may do unasked. */
export async function setMode(
  deps: Within,
  caller: Caller,
  ref: SessionRef,
  mode: string,
): Promise<Answered | Refusal> {
  const session = lacks(caller, "user") ?? (await find(deps, caller, ref));
  if (isRefusal(session)) return session;
  const data = Buffer.from(JSON.stringify({ mode }));
  return answered(await storeWish(deps, session, { kind: "mode", token: deps.random(), data, urgent: true }));
}
