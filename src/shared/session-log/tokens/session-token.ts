import type { Session } from "../registry/entry.ts";

// session-token.ts says what a token of a session is · token-keys.ts keeps the public keys by which it is checked · pods.ts and join-secrets.ts say which session somebody may get one for

/** `iss` of the tokens of sessions. Issuers of people's tokens are URLs. */
export const TOKEN_ISSUER = "runner-relay";
/** `aud`: the servers of sessions, and nobody else. */
export const TOKEN_AUDIENCE = "runner-relay-sessions";
/** `typ` of the header (RFC 9068). */
export const TOKEN_TYPE = "at+jwt";
export const TOKEN_ALGORITHM = "ES256";
/** How long a token counts, at most. A pod that was deleted has its token for so long; one of a session that was deleted ends at once. */
export const TOKEN_SECONDS = 600;
/** What a token may allow. No token acts as its session's user. */
export const TOKEN_SCOPES = ["read", "write"] as const;
export type TokenScope = (typeof TOKEN_SCOPES)[number];

/** The session that a token is for. `name` names this one, and none that is made by the same id later. */
export type TokenSession = Pick<Session, "user" | "id" | "name">;

/** Does a token say that it is one of ours? Nothing is checked here. Pure. */
export function isSessionToken(token: string): boolean {
  const [, payload = ""] = token.split(".");
  if (payload.length > 4096) return false;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString());
    return typeof claims === "object" && claims !== null && "iss" in claims && claims.iss === TOKEN_ISSUER;
  } catch {
    return false;
  }
}
