import type { JetStreamManager } from "@nats-io/jetstream";
import type { JWTPayload } from "jose";
import { createBoundedMap } from "../../shared/base/bounded-map.ts";
import type { Clock } from "../../shared/base/clock.ts";
import { sessionIdProblem } from "../../shared/log/schema/session-id.ts";
import { isDeleted } from "../../shared/session-log/registry/find.ts";
import {
  isSessionToken,
  TOKEN_ALGORITHM,
  TOKEN_AUDIENCE,
  TOKEN_ISSUER,
  TOKEN_SCOPES,
  TOKEN_SECONDS,
  TOKEN_TYPE,
  type TokenScope,
  type TokenSession,
} from "../../shared/session-log/tokens/session-token.ts";
import { readTokenKey, type TokenKey } from "../../shared/session-log/tokens/token-keys.ts";
import { refuse, type Access, type Caller, type Refusal } from "./caller.ts";
import { credentialOf } from "./credential.ts";
import type { Expiries } from "./expiries.ts";
import { isTokenLike, SKEW_MS } from "./tokens.ts";

/** Keys that are known, and texts that are no key's name: each for a while, so that a key that is removed in the broker ends, and garbage costs the broker little. */
const KNOWN_KEYS = 64;
const KEY_MS = 60_000;
const NO_KEY_MS = 1000;

const WRONG: Refusal = refuse("inbound_unauthorized", "the key or token is not valid");

type Deps = { jsm: JetStreamManager; clock: Clock; expiries: Expiries };

/** Lets in who has a token of a session, beside those whom `others` lets in. */
export function acceptSessionTokens(others: Access, deps: Deps): Access {
  const callerOf = createReader(deps);
  return {
    async caller(knock) {
      const sent = credentialOf(knock.headers);
      if (sent.kind !== "one" || !isTokenLike(sent.secret) || !isSessionToken(sent.secret))
        return await others.caller(knock);
      return await callerOf(sent.secret);
    },
  };
}

/** Checks tokens by the keys that the token service has published, and asks each time whether the session is still there. */
function createReader({ jsm, clock, expiries }: Deps): (token: string) => Promise<Caller | Refusal> {
  const known = createBoundedMap<{ key: TokenKey | undefined; until: number }>(KNOWN_KEYS);

  async function keyNamed(kid: string): Promise<TokenKey | undefined> {
    const before = known.get(kid);
    if (before !== undefined && clock.now() < before.until) return before.key;
    const key = await readTokenKey(jsm, kid);
    known.set(kid, { key, until: clock.now() + (key === undefined ? NO_KEY_MS : KEY_MS) });
    return key;
  }

  return async (token) => {
    const { decodeProtectedHeader, errors, importJWK, jwtVerify } = await import("jose");
    try {
      const { kid = "", alg } = decodeProtectedHeader(token);
      const key = alg === TOKEN_ALGORITHM ? await keyNamed(kid) : undefined;
      if (key === undefined) return WRONG;
      const { payload } = await jwtVerify(token, await importJWK(key, TOKEN_ALGORITHM), {
        issuer: TOKEN_ISSUER,
        audience: TOKEN_AUDIENCE,
        algorithms: [TOKEN_ALGORITHM],
        typ: TOKEN_TYPE,
        clockTolerance: SKEW_MS / 1000,
        currentDate: new Date(clock.wall()),
        requiredClaims: ["exp", "iat", "nbf", "sub"],
      });
      const read = readClaims(payload, clock.wall());
      if (read === undefined || (await isDeleted(jsm, read.session.name))) return WRONG;
      const { session, scopes, until } = read;
      const { user, id, name } = session;
      return { user, scopes, open: false, session: { id, name }, ended: expiries.signalAt(until) };
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof TypeError) return WRONG;
      return refuse("log_unreachable", "the token cannot be checked now");
    }
  };
}

/** What a token whose signature is good says; undefined if that is nothing that the token service says. `now`: milliseconds since 1970. Pure. */
function readClaims(
  claims: JWTPayload,
  now: number,
): { session: TokenSession; scopes: ReadonlySet<TokenScope>; until: number } | undefined {
  const { sub: user, session: id, sid: name, exp = 0, scope } = claims;
  if (typeof user !== "string" || sessionIdProblem(user) !== undefined) return undefined;
  if (typeof id !== "string" || sessionIdProblem(id) !== undefined) return undefined;
  if (typeof name !== "string" || !/^[\w-]{22}$/.test(name)) return undefined;
  const left = exp * 1000 - now;
  if (left <= 0 || left > TOKEN_SECONDS * 1000 + SKEW_MS || typeof scope !== "string") return undefined;
  const words = new Set(scope.split(" "));
  const scopes = new Set(TOKEN_SCOPES.filter((it) => words.has(it)));
  return { session: { user, id, name }, scopes, until: exp * 1000 };
}
