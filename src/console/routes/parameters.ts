import type { FastifyRequest } from "fastify";
import { codedError } from "../../shared/base/errors.ts";
import type { LetterSelection } from "../watch/letter-index.ts";
import { sessionIdProblem } from "../../shared/log/schema/session-id.ts";

/** A parameter of the address; undefined if it is missing or stands there twice. */
export function parameter(request: FastifyRequest, name: string): string | undefined {
  const value = (request.query as Record<string, unknown>)[name];
  return typeof value === "string" ? value : undefined;
}

/** A sequence; undefined for anything else. Pure. */
export function numberOf(text: string | undefined): number | undefined {
  const number = text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : 0;
  return number > 0 ? number : undefined;
}

/** Throws `session_id_invalid`. Pure. */
export function sessionOf(text: string | undefined): string {
  const wrong = sessionIdProblem(text ?? "");
  if (text === undefined || wrong !== undefined)
    throw codedError("session_id_invalid", `This is not a session id: ${wrong ?? "empty"}.`);
  return text;
}

/** The name of an agent session in subjects. Throws `usage`. Pure. */
export function agentOf(text: string | undefined): string {
  if (text === undefined || !/^[\w-]{22}$/.test(text)) throw codedError("usage", "This is no agent session.");
  return text;
}

/** Which dead letters an address or a form means. Throws `session_id_invalid` and `usage`. Pure. */
export function selectionOf(get: (name: string) => string | null | undefined): LetterSelection {
  const [group, session, since, until, upto] = ["reason", "session", "since", "until", "upto"].map(
    (name) => get(name) || undefined,
  );
  const seq = numberOf(upto);
  return {
    ...(group === undefined ? {} : { group: group.slice(0, 400) }),
    ...(session === undefined ? {} : { session: sessionOf(session) }),
    ...(since === undefined ? {} : { since: minuteOf(since) }),
    ...(until === undefined ? {} : { until: minuteOf(until) }),
    ...(seq === undefined ? {} : { upto: seq }),
  };
}

/** `2026-11-30T02:40`, UTC, as a browser's field for a time has it. Throws `usage`. Pure. */
function minuteOf(text: string): number {
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?$/.test(text) ? Date.parse(`${text}Z`) : NaN;
  if (Number.isNaN(at)) throw codedError("usage", "This is no time. Write it as 2026-11-30T02:40, in UTC.");
  return at;
}
