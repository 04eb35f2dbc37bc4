import type { FastifyRequest } from "fastify";
import { codedError } from "../../shared/base/errors.ts";
import { parseCursor, type Cursor } from "../../shared/session-log/follow/cursor.ts";
import type { SessionRef } from "../core/find.ts";
import { note } from "./part.ts";

/** Items of a page that names no limit. */
const USUAL_LIMIT = 100;
const MOST_LIMIT = 1000;

/** The session that a request's path names, and whose it is if the query says so. */
export function sessionOf(request: FastifyRequest): SessionRef {
  const { id } = request.params as { id: string };
  note(request, { session: id });
  return { id, user: queryText(request, "user_id") };
}

/** A parameter of the query. Throws `field_invalid` if it is there twice. */
export function queryText(request: FastifyRequest, name: string): string | undefined {
  const value = (request.query as Record<string, unknown>)[name];
  if (value === undefined || typeof value === "string") return value === "" ? undefined : value;
  throw codedError("field_invalid", `${name} is in the query more than once`);
}

/** How many items are wanted, {@link MOST_LIMIT} at most. Throws `field_invalid`. */
export function limitOf(request: FastifyRequest): number {
  const text = queryText(request, "limit") ?? String(USUAL_LIMIT);
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit < 1) throw codedError("field_invalid", "limit must be a number from 1 on");
  return Math.min(limit, MOST_LIMIT);
}

/** A place in a list. Throws `cursor_invalid`. */
export function placeOf(request: FastifyRequest): number {
  return cursorOf(queryText(request, "after") ?? "0").seq;
}

/** A cursor of the log. Throws `cursor_invalid`. */
export function cursorOf(text: string): Cursor {
  const cursor = parseCursor(text);
  if (cursor === undefined)
    throw codedError(
      "cursor_invalid",
      "a cursor is a number from 0 on, or <number>.<log> as it came from here",
    );
  return cursor;
}
