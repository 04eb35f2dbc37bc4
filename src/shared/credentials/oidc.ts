import type { Clock } from "../base/clock.ts";
import type { Logger, SecretRegistry } from "../base/logger.ts";
import { orAborted, type Issuer } from "./attempt.ts";
import { createHeldToken } from "./held-token.ts";
import type {
  CredentialResult,
  CredentialState,
  Credentials,
  ReadyCredential,
  UnavailableCredential,
} from "./port.ts";
import { createRenewal, type Problem } from "./renewal.ts";
import type { Secret } from "./secret.ts";

const CLOSED: UnavailableCredential = {
  kind: "unavailable",
  code: "token_unavailable",
  reason: "the relay is stopping",
  retryAfterMs: 0,
};
const NO_TOKEN_YET: UnavailableCredential = { ...CLOSED, reason: "no token yet" };

/**
 * Gets access tokens by client credentials. There is at most one attempt at a time. The first one starts at the first `headers()`, further ones before
 * each expiry and after refusals. A failed attempt is repeated with back-off, so that everything recovers without a request. Lifetimes (`expires_in`) are
 * measured with the monotonic clock, so that setting the wall clock has no effect. That clock does not count a machine's sleep; then the coordinator's
 * 401 brings a new token.
 */
export function createOidc(options: {
  issuer: Issuer;
  secret: Secret;
  clock: Clock;
  random: () => number;
  log: Logger;
  secrets: SecretRegistry;
}): Credentials {
  const { clock, log } = options;
  const token = createHeldToken(options);
  const renewal = createRenewal({ ...options, token });
  let closed = false;

  function unexpired(): ReadyCredential | undefined {
    return closed ? undefined : token.unexpired();
  }

  function current(): ReadyCredential | undefined {
    const ready = unexpired();
    if (ready !== undefined && renewal.underWay() && token.wasRefused(ready.generation)) return undefined;
    return ready;
  }

  async function headers(signal?: AbortSignal): Promise<CredentialResult> {
    const now = current();
    if (now !== undefined) return now;
    if (closed) return CLOSED;
    const retryAt = renewal.problem()?.retryAt ?? -Infinity;
    const backingOff = !renewal.underWay() && clock.now() < retryAt;
    if (!backingOff && signal?.aborted !== true) {
      await orAborted(renewal.begin(), signal);
    }
    // A refused token that cannot be replaced is still better than none, because the coordinator may have refused it by mistake.
    const ready = signal?.aborted === true ? current() : unexpired();
    return ready ?? (closed ? CLOSED : unavailable(renewal.problem(), clock.now()));
  }

  function refused(generation: number): void {
    const news = closed ? undefined : token.refuse(generation);
    if (news === undefined) return;
    const { refusals, refreshInMs } = news;
    log.warn({ generation, refusals, refreshInMs }, "the coordinator refused the token");
    if (renewal.underWay() || renewal.problem() !== undefined) return; // an attempt is in progress, or the next one is scheduled
    if (refreshInMs === 0) void renewal.begin();
    else renewal.schedule(Math.min(token.refreshAt() ?? Infinity, clock.now() + refreshInMs));
  }

  return {
    current,
    headers,
    refused,
    describe: () => describe(token.expiresInMs(), renewal.problem()),
    close() {
      closed = true;
      renewal.close();
    },
  };
}

function unavailable(problem: Problem | undefined, now: number): UnavailableCredential {
  if (problem === undefined) return NO_TOKEN_YET;
  const { code, reason, retryAt } = problem;
  return { kind: "unavailable", code, reason, retryAfterMs: Math.max(0, retryAt - now) };
}

function describe(tokenExpiresInMs: number | undefined, problem: Problem | undefined): CredentialState {
  const state: CredentialState = { kind: "oidc" };
  if (tokenExpiresInMs !== undefined) state.tokenExpiresInMs = tokenExpiresInMs;
  if (problem !== undefined) state.lastError = `${problem.code}: ${problem.reason}`;
  return state;
}
