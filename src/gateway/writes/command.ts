import { createJsonScanner, type JsonMember, type JsonScan } from "../../shared/base/json-scan.ts";
import {
  MAX_SESSION_TOKEN_BYTES,
  sessionIdProblem,
  type SessionIdProblem,
} from "../../shared/log/schema/session-id.ts";
import { rebuilderOf, type Rebuilder, type RunnerIdentity } from "./rebuild.ts";
import type { BodyRefusal } from "../contract/refusals.ts";
import type { WriteKind } from "../contract/writes.ts";

// rebuild.ts makes the bodies of binds and metadata · judge.ts has large bodies judged in slices

/** Deepest nesting that is accepted. Python's JSON reader gives up near 1,000 levels, and the coordinator would answer 500 for ever. */
export const MAX_DEPTH = 256;

/** A write as it will be forwarded: to which session, with which body. */
export type Command =
  | { ok: true; session: string; body: Uint8Array }
  | { ok: false; code: BodyRefusal; detail: string };

/** Reads on for about this many bytes; undefined: there is more to read. */
export type Judgement = { advance(bytes: number): Command | undefined };

const SESSION_PROBLEMS: Record<SessionIdProblem, string> = {
  empty: "session_id required",
  too_long: "session_id is too long",
  control_character: "session_id must not hold control characters",
  path_character: "session_id must not hold slashes or be a dot segment",
  not_text: "session_id is not valid Unicode text",
};

/** A text of more bytes cannot be a session id: each character takes at most six, written as `\u0061`, and the quotes take two. */
const LONGEST_ID_BYTES: number = 6 * MAX_SESSION_TOKEN_BYTES + 2;

/** Reads the whole body of a write at once. */
export function commandOf(
  write: WriteKind,
  pathSession: string | undefined,
  bytes: Uint8Array,
  runner: RunnerIdentity,
): Command {
  return (
    judgementOf(write, pathSession, bytes, runner).advance(Infinity) ?? bad("internal", "judged in part only")
  );
}

/**
 * Reads the body of a write and makes what is forwarded of it. `pathSession` is the session of a direct path, otherwise the body names it.
 * Of several equal names the last one counts, here as in the coordinator. No tree is built of the body: 4 MiB of `{}` would be 160 MB of it.
 */
export function judgementOf(
  write: WriteKind,
  pathSession: string | undefined,
  bytes: Uint8Array,
  runner: RunnerIdentity,
): Judgement {
  if (bytes.length === 0) return { advance: () => bad("body_required", "Request body required") };
  let idAt: JsonMember | undefined;
  const rebuilder = rebuilderOf(write, bytes, runner);
  const scanner = createJsonScanner(bytes, {
    depth: MAX_DEPTH,
    names: ["session_id", ...rebuilder.names],
    onMember(name, member) {
      if (name === "session_id") idAt = member;
      rebuilder.take(name, member);
    },
  });
  return {
    advance(count) {
      const scan = scanner.advance(count);
      if (scan === undefined) return undefined;
      if (!scan.ok) return unreadable(scan);
      if (!scan.object) return bad("body_not_object", "the body must be a JSON object");
      const named = idAt && sessionOf(bytes, idAt);
      return concluded({ write, pathSession, named, rebuilder, bytes });
    },
  };
}

/** What a body has as its session: nothing, a text, or something else. */
type Named = { kind: "nothing" } | { kind: "text"; text: string | undefined } | { kind: "other" };

/** A text that is too long for an id has no `text`. */
function sessionOf(bytes: Uint8Array, { valueFrom, to }: JsonMember): Named {
  const first = bytes[valueFrom];
  if (first === 0x6e) return { kind: "nothing" }; // null
  if (first !== 0x22) return { kind: "other" };
  if (to - valueFrom > LONGEST_ID_BYTES) return { kind: "text", text: undefined };
  const text = JSON.parse(
    Buffer.from(bytes.buffer, bytes.byteOffset + valueFrom, to - valueFrom).toString(),
  ) as string;
  return { kind: "text", text };
}

function concluded(read: {
  write: WriteKind;
  pathSession: string | undefined;
  named: Named | undefined;
  rebuilder: Rebuilder;
  bytes: Uint8Array;
}): Command {
  const { write, pathSession, named = { kind: "nothing" }, rebuilder, bytes } = read;
  if (pathSession === undefined && named.kind === "other")
    return bad("field_invalid", "session_id must be a string");
  const inBody = named.kind === "nothing" ? "" : named.kind === "text" ? named.text : undefined;
  const session = pathSession ?? inBody;
  const problem = session === undefined ? "too_long" : sessionIdProblem(session);
  if (session === undefined || problem !== undefined) {
    const code = problem === "empty" ? "field_missing" : "session_id_invalid";
    return bad(code, SESSION_PROBLEMS[problem ?? "too_long"]);
  }
  if (write === "event" && named.kind === "text" && named.text !== session)
    return bad("session_id_mismatch", "Event session_id must match URL session_id");
  const lacking = rebuilder.lacking();
  if (lacking !== undefined) return bad("field_missing", `${lacking} required`);
  return { ok: true, session, body: rebuilder.body() ?? bytes };
}

function unreadable(scan: Extract<JsonScan, { ok: false }>): Command {
  switch (scan.problem) {
    case "depth":
      return bad("body_too_deep", `the body is nested more than ${MAX_DEPTH} levels deep`);
    case "encoding":
      return bad("body_invalid_json", "Invalid JSON: the body is not UTF-8");
    case "end":
      return bad("body_invalid_json", "Invalid JSON: the body ends too early");
    case "syntax":
    case "values":
      // The text itself is never quoted: a body may hold secrets, which must not get into an answer or a log line.
      return bad("body_invalid_json", `Invalid JSON: unexpected byte at position ${scan.at}`);
  }
}

function bad(code: BodyRefusal, detail: string): Command {
  return { ok: false, code, detail };
}
