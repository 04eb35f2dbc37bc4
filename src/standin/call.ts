import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { readBody, checkFields, type Field, type JsonObject, type Problem } from "./validation.ts";

/** One request, whole. */
export type Call = {
  method: string;
  /** As it came, without the query. */
  path: string;
  query: URLSearchParams;
  /** Decoded variable segments of the path, in their order; filled in when the route is known. */
  params: readonly string[];
  headers: IncomingHttpHeaders;
  text: string;
  response: ServerResponse;
};

/** What is answered. `applied`: the coordinator's state took a write over, which an answer broken off later would not undo. */
export type Reply = {
  status: number;
  body: string;
  type: string;
  headers: readonly string[];
  applied: boolean;
};

/** `taken`: the handler writes to `call.response` itself. */
export type Outcome = Reply | Promise<Reply> | "taken";
export type Handler = (call: Call) => Outcome;

const NO_HEADERS: readonly string[] = [];
export const JSON_TYPE = "application/json";

export function json(status: number, value: unknown): Reply {
  return { status, body: JSON.stringify(value), type: JSON_TYPE, headers: NO_HEADERS, applied: false };
}

/** A refusal in the framework's form. */
export function detail(status: number, text: string, headers: readonly string[] = NO_HEADERS): Reply {
  return { status, body: JSON.stringify({ detail: text }), type: JSON_TYPE, headers, applied: false };
}

export function invalid(problems: readonly Problem[]): Reply {
  return json(422, { detail: problems });
}

/** The reply to a write that was carried out. */
export function done(status: number, value: unknown): Reply {
  return { status, body: JSON.stringify(value), type: JSON_TYPE, headers: NO_HEADERS, applied: true };
}

export const OK: Reply = done(200, { ok: true });
export const CREATED: Reply = done(201, { ok: true });
export const NO_SESSION: Reply = detail(404, "Session not found");
export const NO_CONTENT: Reply = { status: 204, body: "", type: "", headers: NO_HEADERS, applied: false };

/** The body checked against a model, or the 422 to answer. */
export function bodyOf(
  call: Call,
  fields: readonly Field[],
): { body: JsonObject; refusal?: never } | { refusal: Reply; body?: never } {
  const read = readBody(call.text, call.headers["content-type"]);
  if (!read.ok) return { refusal: invalid(read.problems) };
  const problems = checkFields(read.value, fields);
  return problems.length > 0 ? { refusal: invalid(problems) } : { body: read.value };
}
