import type { FastifyRequest } from "fastify";
import { codedError } from "../../shared/base/errors.ts";
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
