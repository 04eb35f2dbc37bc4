import type { JWTPayload } from "jose";
import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import { sessionIdProblem } from "../../shared/log/schema/session-id.ts";
import type { Scope } from "./caller.ts";
import type { Issued } from "./issuer-keys.ts";
import { SCOPES } from "./keys.ts";

/**
 * How far the issuer's clock may be ahead of ours: a token that is valid from now on is taken. None lives longer than it says: `exp` has no such room, for requests as for streams, so that a
 * client whose stream ended for it is not let in again with the same token.
 */
export const SKEW_MS = 5000;
/** Only signatures that need the issuer's private key. With a shared secret, every program that checks tokens could make them. */
const ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

/** Codes of jose that say nothing about the token: the issuer's keys cannot be had, or cannot be read. */
const ISSUERS_FAULT: ReadonlySet<string> = new Set([
  "ERR_JWKS_TIMEOUT",
  "ERR_JWKS_INVALID",
  "ERR_JOSE_GENERIC",
]);

/** What a token says. `until`: when it ends, wall clock. `unchecked`: the issuer's keys cannot be had, so that nothing is known. */
export type Token =
  | { kind: "valid"; user: string; scopes: ReadonlySet<Scope>; until: number }
  | { kind: "invalid"; detail: string }
  | { kind: "unchecked"; detail: string };

export type Tokens = { read(token: string): Promise<Token> };

/** True for a text that has the form of a JWT; keys of people do not. Pure. */
export function isTokenLike(secret: string): boolean {
  return /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(secret);
}

/** Checks the JWTs of one issuer. `sub` is the user, and `scope` has our scopes among its words (RFC 9068). The library is loaded with the first of them. */
export function createTokens(deps: {
  issued: () => Promise<Issued>;
  audience: string;
  clock: Clock;
}): Tokens {
  const { issued, audience, clock } = deps;
  return {
    async read(token) {
      const { errors, jwtVerify } = await import("jose");
      try {
        const { issuer, keyOf } = await issued();
        const { payload } = await jwtVerify(token, keyOf, {
          issuer,
          audience,
          algorithms: ALGORITHMS,
          clockTolerance: SKEW_MS / 1000,
          currentDate: new Date(clock.wall()),
          requiredClaims: ["exp", "sub"],
        });
        return tokenOf(payload, clock.wall());
      } catch (error) {
        if (error instanceof errors.JOSEError && !ISSUERS_FAULT.has(error.code))
          return { kind: "invalid", detail: error.code };
        return { kind: "unchecked", detail: errorText(error) }; // also keys that no library can read
      }
    },
  };
}

/** A token whose signature and dates are good. Pure. */
function tokenOf({ sub, exp = 0, scope }: JWTPayload, now: number): Token {
  if (exp * 1000 <= now) return { kind: "invalid", detail: "ERR_JWT_EXPIRED" };
  if (typeof sub !== "string" || sessionIdProblem(sub) !== undefined)
    return { kind: "invalid", detail: "sub cannot be used as a user" };
  const words = new Set(typeof scope === "string" ? scope.split(" ") : []);
  const scopes = new Set(SCOPES.filter((name) => words.has(name)));
  return { kind: "valid", user: sub, scopes, until: exp * 1000 };
}
