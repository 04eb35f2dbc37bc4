import { readSessionEvent } from "../../shared/session-log/event/session-event.ts";
import { patiently } from "../../shared/session-log/patiently.ts";
import { namedFilter, outSubject } from "../../shared/session-log/subjects.ts";
import { SESSIONS_STREAM } from "../../shared/session-log/topology.ts";
import { openTurns, unfinishedSessions } from "../../shared/session-log/turns/unfinished.ts";
import { isRefusal, lacks, type Caller, type Refusal } from "../access/caller.ts";
import type { Within } from "./deps.ts";
import { find, type SessionRef } from "./find.ts";

/** A turn that has not ended; undefined if there is none. */
export type ActiveTurn = { kind: "active"; turn: string | undefined };

/** The turn that runs; without one, the newest of those that wait. Asked of the leader. */
export async function activeTurn(
  deps: Within,
  caller: Caller,
  ref: SessionRef,
): Promise<ActiveTurn | Refusal> {
  const session = lacks(caller, "read") ?? (await find(deps, caller, ref));
  if (isRefusal(session)) return session;
  const { name } = session;
  const started = await newest(deps, outSubject(name, "turn_started"));
  const ended = await newest(deps, outSubject(name, "turn_ended")); // second: what ended meanwhile does not run
  if (started.seq > ended.seq) return { kind: "active", turn: started.turn };
  const open = await patiently(() => openTurns(deps.jsm, name), deps);
  const waiting = open > 0 ? await newest(deps, namedFilter(name, "turn")) : undefined;
  return { kind: "active", turn: waiting?.turn };
}

/** Names of all sessions that have turns which have not ended. */
export async function unfinished(deps: Within): Promise<ReadonlySet<string>> {
  return new Set(await patiently(() => unfinishedSessions(deps.jsm), deps));
}

async function newest(
  deps: Within,
  last_by_subj: string,
): Promise<{ seq: number; turn?: string | undefined }> {
  const stored = await patiently(() => deps.jsm.streams.getMessage(SESSIONS_STREAM, { last_by_subj }), deps);
  if (stored === null) return { seq: 0 };
  const read = readSessionEvent(stored);
  return { seq: stored.seq, turn: "event" in read ? read.event.turn_id : undefined };
}
