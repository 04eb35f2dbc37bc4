/** Longest accepted lifetime. Larger values mean "never expires", or do not fit into a timer or a JSON number. */
const LONGEST_LIFE_S: number = 365 * 24 * 60 * 60;

/** The members of an issuer's successful answer that are passed to the OpenID library. It would reject answers because of members that we do not use. */
export type TokenMembers = { access_token: unknown; token_type: unknown; expires_in?: number };

/**
 * Takes the members that the relay uses from a 2xx answer of the token endpoint: the token, its type and its lifetime. Everything else is ignored,
 * whatever it contains (an id token of any issuer, algorithm or clock, scopes, refresh tokens). Undefined if the answer is not a JSON object, for which
 * the library has a better message. Pure.
 */
export function tokenMembers(body: string): TokenMembers | undefined {
  const answer = objectIn(body);
  if (answer === undefined) return undefined;
  const life = lifeSeconds(answer["expires_in"]);
  return {
    access_token: answer["access_token"],
    token_type: typeOf(answer["token_type"]),
    ...(life === undefined ? {} : { expires_in: life }),
  };
}

/**
 * The seconds of an `expires_in`. Undefined if it is absent, null, of another type or not a decimal number. Also for 0 or less, which issuers send for
 * tokens that never expire, because an issuer would not send an expired token. Pure.
 */
export function lifeSeconds(value: unknown): number | undefined {
  const text = typeof value === "string" && /^\d{1,20}(?:\.\d{1,20})?$/.test(value.trim());
  if (!text && typeof value !== "number") return undefined;
  const seconds = Number(value);
  return seconds > 0 ? Math.min(seconds, LONGEST_LIFE_S) : undefined;
}

/** A missing type counts as a bearer token, because no other type can be issued to this client. */
function typeOf(value: unknown): unknown {
  if (value === undefined || value === null || value === "") return "bearer";
  return typeof value === "string" ? value.trim() : value;
}

function objectIn(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
