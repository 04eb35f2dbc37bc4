import type { IncomingHttpHeaders } from "node:http";
import { codedError } from "../../shared/base/errors.ts";

/** A token of the caller for the agent's credentials, beside the one that opens this server. */
const HEADER = "x-caller-token";
/** Longest one: tokens of OpenID issuers have a few KiB. */
const MOST_CHARS = 8192;
const WORD = /^[\x21-\x7e]+$/;
const WITH_SCHEME = /^[A-Za-z][A-Za-z0-9-]* [\x21-\x7e]+$/;

/** The caller's token as the value of an Authorization header; a word alone is a bearer token. Throws `field_invalid`, without the token. */
export function callerTokenOf(headers: IncomingHttpHeaders): string | undefined {
  const value = headers[HEADER];
  if (value === undefined || value === "") return undefined;
  if (typeof value === "string" && value.length <= MOST_CHARS) {
    if (WORD.test(value)) return `Bearer ${value}`;
    if (WITH_SCHEME.test(value)) return value;
  }
  throw codedError("field_invalid", `X-Caller-Token must be a token of at most ${MOST_CHARS} characters`);
}
