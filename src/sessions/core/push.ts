import { mayBePushed } from "../../shared/session-log/event/kinds.ts";
import type { Session } from "../../shared/session-log/registry/entry.ts";
import { storeWish, wishToken } from "../../shared/session-log/turns/wish.ts";
import { isRefusal, lacks, refuse, type Caller, type Refusal } from "../access/caller.ts";
import { dataProblem } from "./data.ts";
import type { Within } from "./deps.ts";
import { find, type SessionRef } from "./find.ts";

/** An event of an agent outside. */
export type PushedEvent = {
  type: string;
  /** JSON. */
  data: Uint8Array;
  /** By which a repeat is recognised. Without it every event is a new one. */
  key?: string | undefined;
};

/** Where each event lies, in their order. `repeated`: it lay there before. */
export type Pushed = { kind: "pushed"; events: { seq: number; repeated: boolean }[] };

/** Type of what people say. */
export const USER_MESSAGE = "user";

/** Most events in one request. */
export const MAX_PUSHED = 100;

/** Stores events of an agent outside, one after the other. If one cannot be stored, those before it are: a client that repeats them with their keys stores none twice. */
export async function push(
  deps: Within,
  caller: Caller,
  ref: SessionRef,
  events: readonly PushedEvent[],
): Promise<Pushed | Refusal> {
  const session = lacks(caller, "write") ?? pushedBy(caller, events) ?? (await find(deps, caller, ref));
  if (isRefusal(session)) return session;
  return { kind: "pushed", events: await storePushed(deps, session, events) };
}

/** Where each event lies. Throws `sessions_full` and `log_refused`. */
export async function storePushed(
  deps: Within,
  session: Session,
  events: readonly PushedEvent[],
): Promise<Pushed["events"]> {
  const stored: Pushed["events"] = [];
  for (const event of events) {
    const { seq, repeated } = await storeOne(deps, session, event);
    stored.push({ seq, repeated });
  }
  return stored;
}

/** The same for one event. `at`: when it was written, unless it lay there before. */
export async function storeOne(
  deps: Within,
  session: Session,
  { type, data, key = deps.random() }: PushedEvent,
): Promise<{ seq: number; repeated: boolean; at?: number }> {
  const token = wishToken(key);
  const wish = { kind: "push" as const, source: "push" as const, type, token, data, urgent: false };
  const stored = await storeWish(deps, session, wish);
  if (stored.kind === "repeated") return { seq: stored.seq, repeated: true };
  return { seq: stored.seq, repeated: false, at: stored.at };
}

/** Why a caller may not push these events: what people say is said with a credential of theirs. Pure. */
export function pushedBy(caller: Caller, events: readonly PushedEvent[]): Refusal | undefined {
  const ofPeople = events.some(({ type }) => type === USER_MESSAGE);
  return (ofPeople ? lacks(caller, "user") : undefined) ?? pushProblem(events);
}

/** Why none of the events is stored. Pure. */
export function pushProblem(events: readonly PushedEvent[]): Refusal | undefined {
  if (events.length > MAX_PUSHED)
    return refuse("field_invalid", `more than ${MAX_PUSHED} events in one request`);
  for (const { type, data } of events) {
    if (!mayBePushed(type))
      return refuse("field_invalid", `type: ${JSON.stringify(type)} is not for agents outside`);
    const problem = dataProblem(data);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
