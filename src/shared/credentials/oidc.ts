import type { Clock } from "../base/clock.ts";
import type { Logger, SecretRegistry } from "../base/logger.ts";
import { attemptToken, orAborted, type Issuer, type TokenAnswer } from "./attempt.ts";
import { createHeldToken } from "./held-token.ts";
import { createNextAttempt } from "./next-attempt.ts";
import type {
  CredentialProblemCode,
  CredentialResult,
  CredentialState,
  Credentials,
  ReadyCredential,
  UnavailableCredential,
} from "./port.ts";
import { ASSUMED_TTL_MS, retryDelayMs } from "./schedule.ts";
import type { Secret } from "./secret.ts";

/** Why there is no newer token. `retryAt`: monotonic time. */
type Problem = { code: CredentialProblemCode; reason: string; retryAt: number };
type Failed = TokenAnswer & { kind: "failed" };

const EXPIRED_ON_ARRIVAL: Failed = {
  kind: "failed",
  code: "token_unavailable",
  reason: "the issuer's token had expired when it arrived",
};
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
// oxlint-disable-next-line max-lines-per-function -- its methods are short, and all of them share the attempt that is in progress and the last problem
export function createOidc(options: {
  issuer: Issuer;
  secret: Secret;
  clock: Clock;
  random: () => number;
  log: Logger;
  secrets: SecretRegistry;
}): Credentials {
  const { secret, clock, random, log } = options;
  const token = createHeldToken(options);
  const next = createNextAttempt({ clock, secret, begin: () => void begin() });
  let problem: Problem | undefined;
  let flight: Promise<void> | undefined;
  let failures = 0;
  let abort = new AbortController();
  let closed = false;

  /** Starts an attempt, or joins the current one. */
  function begin(): Promise<void> {
    next.cancel();
    flight ??= attempt().finally(() => {
      flight = undefined;
    });
    return flight;
  }

  async function attempt(): Promise<void> {
    const startedAt = clock.now();
    abort = new AbortController();
    const attempted = await attemptToken(options, abort);
    const { answer } = attempted;
    if (closed) return;
    if (answer.kind === "failed") return fail(answer, attempted);
    const ttlMs = answer.ttlMs ?? ASSUMED_TTL_MS;
    const accepted = token.accept(answer.accessToken, ttlMs, startedAt);
    if (accepted === undefined) return fail(EXPIRED_ON_ARRIVAL, {});
    const { generation, refreshAt } = accepted;
    failures = 0;
    problem = undefined;
    log.info({ generation, ttlMs, refreshInMs: refreshAt - clock.now() }, "token received");
    next.schedule(refreshAt);
  }

  function fail(
    answer: Failed,
    used: { secret?: string | undefined; secretProblem?: string | undefined },
  ): void {
    failures += 1;
    const { code } = answer;
    const reason = [answer.reason, used.secretProblem].filter((text) => text !== undefined).join("; ");
    const retryInMs = retryDelayMs(failures, code, random, answer.retryAfterMs);
    problem = { code, reason, retryAt: clock.now() + retryInMs };
    const tokenExpiresInMs = token.expiresInMs() ?? 0;
    log[tokenExpiresInMs > 0 ? "warn" : "error"](
      { code, reason, failures, retryInMs, tokenExpiresInMs },
      "token request failed",
    );
    if (code === "credentials_invalid" && secret.rotates)
      next.scheduleOrRotated(problem.retryAt, used.secret);
    else next.schedule(problem.retryAt);
  }

  function unexpired(): ReadyCredential | undefined {
    return closed ? undefined : token.unexpired();
  }

  function current(): ReadyCredential | undefined {
    const ready = unexpired();
    return flight !== undefined && ready !== undefined && token.wasRefused(ready.generation)
      ? undefined
      : ready;
  }

  function unavailable(): UnavailableCredential {
    if (closed) return CLOSED;
    if (problem === undefined) return NO_TOKEN_YET;
    const { code, reason, retryAt } = problem;
    return { kind: "unavailable", code, reason, retryAfterMs: Math.max(0, retryAt - clock.now()) };
  }

  async function headers(signal?: AbortSignal): Promise<CredentialResult> {
    const now = current();
    if (now !== undefined) return now;
    if (closed) return CLOSED;
    const backingOff = flight === undefined && problem !== undefined && clock.now() < problem.retryAt;
    if (!backingOff && signal?.aborted !== true) {
      await orAborted(begin(), signal);
    }
    // A refused token that cannot be replaced is still better than none, because the coordinator may have refused it by mistake.
    return (signal?.aborted === true ? current() : unexpired()) ?? unavailable();
  }

  function refused(generation: number): void {
    const news = closed ? undefined : token.refuse(generation);
    if (news === undefined) return;
    const { refusals, refreshInMs } = news;
    log.warn({ generation, refusals, refreshInMs }, "the coordinator refused the token");
    if (flight !== undefined || problem !== undefined) return; // an attempt is in progress, or the next one is scheduled
    if (refreshInMs === 0) void begin();
    else next.schedule(Math.min(token.refreshAt() ?? Infinity, clock.now() + refreshInMs));
  }

  return {
    current,
    headers,
    refused,
    describe(): CredentialState {
      const state: CredentialState = { kind: "oidc" };
      const tokenExpiresInMs = token.expiresInMs();
      if (tokenExpiresInMs !== undefined) state.tokenExpiresInMs = tokenExpiresInMs;
      if (problem !== undefined) state.lastError = `${problem.code}: ${problem.reason}`;
      return state;
    },
    close() {
      closed = true;
      next.cancel();
      abort.abort();
    },
  };
}
