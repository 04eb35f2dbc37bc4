/** Longest life that is believed. Beyond it lies what was meant as "never expires", and what no timer and no JSON number can hold. */
const LONGEST_LIFE_S: number = 365 * 24 * 60 * 60;

/** What of an issuer's successful answer reaches the OpenID library, which refuses an answer for members that nobody here uses. */
export type TokenMembers = { access_token: unknown; token_type: unknown; expires_in?: number };

/**
 * Takes from a 2xx answer of the token endpoint what the relay uses: the token, its type and its life. The rest (an id token of any issuer, algorithm
 * or clock, scopes, refresh tokens) is nobody's business here, whatever it holds. Undefined: no JSON object, which the library words better. Pure.
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
 * Seconds that an `expires_in` promises. Undefined for one that says nothing: absent, null, another type, no decimal number, and 0 or less, which
 * issuers write for tokens that never expire; a token that has none of its life left would not have been given. Pure.
 */
export function lifeSeconds(value: unknown): number | undefined {
  const text = typeof value === "string" && /^\d{1,20}(?:\.\d{1,20})?$/.test(value.trim());
  if (!text && typeof value !== "number") return undefined;
  const seconds = Number(value);
  return seconds > 0 ? Math.min(seconds, LONGEST_LIFE_S) : undefined;
}

/** A missing type is a bearer token: no client here could be given another one. */
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
