/**
 * A session id is data that comes from outside (docs/contract.md, "Refusals and limits"): it ends up in a URL path, in a NATS subject and in a KV key.
 * Every other file gets them from here, so that none ever concatenates a raw id.
 */

/** Longest accepted id, in bytes of its token. A 10,000-character subject makes the broker drop the connection. */
export const MAX_SESSION_TOKEN_BYTES = 200;

/** What is wrong with a session id, or nothing. */
export type SessionIdProblem = "empty" | "too_long" | "control_character" | "path_character" | "not_text";

const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/**
 * Says why an id cannot be used. Slashes and dot segments are refused rather than encoded, because servers decode `%2F` before
 * routing: such an id would reach another route of the coordinator, with our credentials.
 */
export function sessionIdProblem(id: string): SessionIdProblem | undefined {
  if (id.length === 0) return "empty";
  if (!id.isWellFormed()) return "not_text";
  if (CONTROL.test(id)) return "control_character";
  if (id.includes("/") || id.includes("\\") || id === "." || id === "..") return "path_character";
  if (id.length > MAX_SESSION_TOKEN_BYTES || sessionToken(id).length > MAX_SESSION_TOKEN_BYTES)
    return "too_long";
  return undefined;
}

const PLAIN = /^[A-Za-z0-9_-]+$/;
const utf8 = new TextEncoder();

/**
 * One NATS subject token (and a legal KV key part) for any text: letters, digits, `_` and `-` stay, every other UTF-8 byte becomes
 * `=XX`. Reversible with {@link textOfToken}.
 */
export function sessionToken(text: string): string {
  if (PLAIN.test(text)) return text;
  let token = "";
  for (const byte of utf8.encode(text)) {
    const char = String.fromCharCode(byte);
    token += PLAIN.test(char) ? char : `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return token;
}

/** The text that {@link sessionToken} encoded. Throws a RangeError for a token that it never produces. */
export function textOfToken(token: string): string {
  if (PLAIN.test(token)) return token;
  if (!/^(?:[A-Za-z0-9_-]|=[0-9A-F]{2})+$/.test(token)) throw new RangeError(`not a subject token: ${token}`);
  try {
    return decodeURIComponent(token.replaceAll("=", "%"));
  } catch (cause) {
    throw new RangeError(`not a subject token: ${token}`, { cause });
  }
}

/** The id as one URL path segment. Only for ids that {@link sessionIdProblem} accepts. */
export function pathSegment(id: string): string {
  return encodeURIComponent(id);
}
