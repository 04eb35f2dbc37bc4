import { parseJsonWithin } from "../../base/json-scan.ts";
import { EVENT_DATA, readSessionEvent } from "../event/session-event.ts";
import type { StoredEvent } from "../follow/stored-event.ts";
import { parseSessionSubject } from "../subjects.ts";

/** How a turn ends. `interrupted`: its worker went away, and nobody knows how far it came. */
export const OUTCOMES = ["finished", "failed", "cancelled", "interrupted"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** A conversation, as an agent's back end and the runner that asks it know it. */
export type Thread = { runner: string; id: string };

/** What a user answered to a question. */
export type Decided = { allow: boolean; message?: string; remember?: boolean };

/** What an event of a session means for its turns. Everything that the owner says has its place among that: `out`. */
export type Fact = { seq: number; out?: { n: number; epoch: number; id: string } } &
  /** `at`: when it was asked for, wall clock, milliseconds since 1970. */
  (
    | { type: "turn"; turn: string; at: number }
    | { type: "cancel"; turn: string }
    | { type: "started"; turn: string }
    | { type: "ended"; turn: string; outcome: Outcome }
    /** How the back end of the session's agent calls the conversation. */
    | { type: "thread"; thread: Thread }
    | { type: "asked"; request: string; turn: string }
    | ({ type: "decided"; request: string } & Decided)
    /** Something that a client says to the agent. */
    | { type: "input" }
    /** How much the agent may do unasked from now on. */
    | { type: "mode"; mode: string }
    | { type: "resolved"; request: string }
    | { type: "owner" }
    /** Nothing: text, what an agent outside pushed, what cannot be read. */
    | { type: "other" }
  );

/** Reads what an event means. Pure. */
export function factOf(stored: StoredEvent): Fact {
  const { seq } = stored;
  const read = readSessionEvent(stored);
  if (!("envelope" in read)) return { seq, type: "other" };
  const { id, n, epoch, kind, turn, body, at } = read.envelope;
  const place = n === undefined || epoch === undefined ? { seq } : { seq, out: { n, epoch, id } };
  const data = (): Record<string, unknown> => {
    const value = parseJsonWithin(body, EVENT_DATA);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  };
  switch (read.event.source === "push" ? "" : kind) {
    case "owner":
      return { ...place, type: "owner" };
    case "turn":
      return turn === undefined ? { ...place, type: "other" } : { ...place, type: "turn", turn, at };
    case "cancel":
      return turn === undefined ? { ...place, type: "other" } : { ...place, type: "cancel", turn };
    case "turn_started":
      return turn === undefined ? { ...place, type: "other" } : { ...place, type: "started", turn };
    case "turn_ended": {
      const { outcome } = data();
      const known = OUTCOMES.find((it) => it === outcome) ?? "failed";
      return turn === undefined
        ? { ...place, type: "other" }
        : { ...place, type: "ended", turn, outcome: known };
    }
    case "permission_request": {
      const { request_id: request } = data();
      if (typeof request !== "string" || turn === undefined) return { ...place, type: "other" };
      return { ...place, type: "asked", request, turn };
    }
    case "permission_resolved": {
      const { request_id: request } = data();
      return typeof request === "string"
        ? { ...place, type: "resolved", request }
        : { ...place, type: "other" };
    }
    case "decision": {
      // of the request that its subject names: only one can be stored for each
      const request = parseSessionSubject(stored.subject)?.id;
      return request === undefined
        ? { ...place, type: "other" }
        : { ...place, type: "decided", request, ...decidedOf(data()) };
    }
    case "input_response":
      return { ...place, type: "input" };
    case "permission_mode": {
      const { mode } = data();
      return typeof mode === "string" ? { ...place, type: "mode", mode } : { ...place, type: "other" };
    }
    case "session_info": {
      const { thread_id: thread, runner } = data();
      return typeof thread === "string" && typeof runner === "string"
        ? { ...place, type: "thread", thread: { runner, id: thread } }
        : { ...place, type: "other" };
    }
    default:
      return { ...place, type: "other" };
  }
}

function decidedOf({ allow, message, remember }: Record<string, unknown>): Decided {
  return {
    allow: allow === true,
    ...(typeof message === "string" ? { message } : {}),
    ...(remember === true ? { remember } : {}),
  };
}
