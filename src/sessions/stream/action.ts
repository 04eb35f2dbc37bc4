import type { HttpErrorCode } from "../../shared/base/errors.ts";
import { parseJsonWithin, type JsonLimits } from "../../shared/base/json-scan.ts";
import { startOf, type Start } from "./start.ts";

/** Largest frame of a client. */
export const FRAME_BYTES: number = 1024 * 1024;
/** The same limits as for the data of an event. */
const FRAME_JSON: JsonLimits & { bytes: number } = { bytes: FRAME_BYTES, depth: 64, values: 100_000 };
/** What a client calls its frame, so that it knows the answer again. */
const REF = /^[\x20-\x7e]{1,128}$/;

/** What clients want of a session, and hand over fields for. */
export const SESSION_ACTIONS = ["execute", "cancel", "permission", "input"] as const;
export type SessionAction = (typeof SESSION_ACTIONS)[number];

export type Fields = Record<string, unknown>;

/** What a frame of a client says. */
export type Action =
  | { action: SessionAction; ref?: string; fields: Fields }
  | { action: "resume"; ref?: string; start: Start }
  | { action: "ping"; ref?: string };

/** A frame that cannot be carried out. */
export type BadAction = { action?: string; ref?: string; code: HttpErrorCode; detail: string };

/** Reads a frame of a client. Pure. */
export function readAction(bytes: Uint8Array): Action | { bad: BadAction } {
  const parsed = parseJsonWithin(bytes, FRAME_JSON);
  if (parsed === undefined)
    return { bad: { code: "body_invalid_json", detail: "the frame is no JSON text" } };
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    return { bad: { code: "body_not_object", detail: "a frame is a JSON object" } };
  const { action: name, ref: given, ...fields } = parsed as Fields;
  const ref = typeof given === "string" && REF.test(given) ? { ref: given } : {};
  const bad = (detail: string, action?: string): { bad: BadAction } => ({
    bad: { ...(action === undefined ? {} : { action }), ...ref, code: "field_invalid", detail },
  });
  if (given !== undefined && ref.ref === undefined) return bad("ref is a text of 1 to 128 ASCII characters");
  if (name === "ping") return { action: name, ...ref };
  if (name === "resume") {
    const start = startOf(fields["after"]);
    return start === undefined ? bad("after is no cursor", name) : { action: name, ...ref, start };
  }
  const action = SESSION_ACTIONS.find((known) => known === name);
  if (action === undefined)
    return bad(`action is one of ${[...SESSION_ACTIONS, "resume", "ping"].join(", ")}`);
  return { action, ...ref, fields };
}
