import { isUtf8 } from "node:buffer";
import type { HttpErrorCode } from "../shared/errors.ts";
import { sessionIdProblem, type SessionIdProblem } from "../shared/session-id.ts";
import { isObject, isWithinDepth, parseExactly, type JsonObject } from "./json.ts";
import type { WriteKind } from "./routes.ts";

/** Nesting that is still taken. Python's JSON reader gives up near 1,000 levels, and the coordinator would answer 500 for ever. */
export const MAX_DEPTH = 256;

/** Who the runner is: the only source of `hostname` and `executor_profile` (OWN-1). */
export type RunnerIdentity = { hostname: string; profile: string };

/** A write as it will be forwarded: to which session, with which body. */
export type Command =
  | { ok: true; session: string; body: Uint8Array }
  | { ok: false; code: HttpErrorCode; detail: string };

const SESSION_PROBLEMS: Record<SessionIdProblem, string> = {
  empty: "session_id required",
  too_long: "session_id is too long",
  control_character: "session_id must not hold control characters",
  path_character: "session_id must not hold slashes or be a dot segment",
  not_text: "session_id is no valid Unicode text",
};

/** Fields of a metadata update that an executor may not set: the session's place is the path, the rest is the runner's. */
const OWNED = ["session_id", "hostname", "executor_profile"];

/**
 * Reads the body of a write and makes what is forwarded of it. `pathSession` is the session of a direct path, otherwise the body names it.
 * Of several equal keys the last one counts, here as in the coordinator. Wordings are those of the original gateway. Pure.
 */
export function commandOf(
  write: WriteKind,
  pathSession: string | undefined,
  bytes: Uint8Array,
  runner: RunnerIdentity,
): Command {
  if (bytes.length === 0) return bad("body_required", "Request body required");
  if (!isUtf8(bytes)) return bad("body_invalid_json", "Invalid JSON: the body is not UTF-8");
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return bad(
      "body_invalid_json",
      `Invalid JSON: ${error instanceof Error ? withoutBody(error.message) : "unreadable"}`,
    );
  }
  if (!isObject(value)) return bad("body_not_object", "the body must be a JSON object");
  // Two brackets a level: shorter texts cannot be too deep.
  if (text.length > 2 * MAX_DEPTH && !isWithinDepth(value, MAX_DEPTH)) {
    return bad("body_too_deep", `the body is nested more than ${MAX_DEPTH} levels deep`);
  }

  const session = pathSession ?? value["session_id"];
  if (session === undefined || session === null || session === "")
    return bad("field_missing", "session_id required");
  if (typeof session !== "string") return bad("field_invalid", "session_id must be a string");
  const problem = sessionIdProblem(session);
  if (problem !== undefined) return bad("session_id_invalid", SESSION_PROBLEMS[problem]);

  switch (write) {
    case "run":
      return { ok: true, session, body: bytes };
    case "event":
      if (
        pathSession !== undefined &&
        typeof value["session_id"] === "string" &&
        value["session_id"] !== session
      ) {
        return bad("session_id_mismatch", "Event session_id must match URL session_id");
      }
      return { ok: true, session, body: bytes };
    case "bind":
      if (!value["executor_session_id"]) return bad("field_missing", "executor_session_id required");
      return { ok: true, session, body: bindBody(text, runner) };
    case "metadata":
      return { ok: true, session, body: metadataBody(text) };
  }
}

/** Exactly what a bind has: whatever else the executor sends is dropped, and the runner says where it runs. */
function bindBody(text: string, runner: RunnerIdentity): Uint8Array {
  const sent = exactObject(text);
  const body: JsonObject = {
    executor_session_id: sent["executor_session_id"],
    hostname: runner.hostname,
    executor_profile: runner.profile,
  };
  if (sent["project_dir"] !== undefined && sent["project_dir"] !== null)
    body["project_dir"] = sent["project_dir"];
  return Buffer.from(JSON.stringify(body));
}

function metadataBody(text: string): Uint8Array {
  const kept = Object.entries(exactObject(text)).filter(([key]) => !OWNED.includes(key));
  return Buffer.from(JSON.stringify(Object.fromEntries(kept)));
}

function exactObject(text: string): JsonObject {
  const value = parseExactly(text);
  return isObject(value) ? value : {};
}

/** V8 quotes the text around the error; a body may hold secrets, which belong in no answer and no log line. */
function withoutBody(message: string): string {
  return message.split(/, (?:\.\.\.)?"/, 1)[0] ?? "";
}

function bad(code: HttpErrorCode, detail: string): Command {
  return { ok: false, code, detail };
}
