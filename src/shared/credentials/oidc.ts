import type { Clock } from "../base/clock.ts";
import type { Logger, SecretRegistry } from "../base/logger.ts";
import type {
  CredentialProblemCode,
  CredentialResult,
  CredentialState,
  Credentials,
  ReadyCredential,
  UnavailableCredential,
} from "./port.ts";
import {
  ASSUMED_TTL_MS,
  ATTEMPT_TIMEOUT_MS,
  PROVEN_AFTER_MS,
  refreshAfterMs,
  refusalDelayMs,
  retryDelayMs,
  usableMs,
} from "./schedule.ts";
import type { Secret } from "./secret.ts";

/** The result of a token request. Reasons are for people and contain no secret. */
export type TokenAnswer =
  | { kind: "token"; accessToken: string; /** absent: the issuer did not say */ ttlMs?: number }
  | { kind: "failed"; code: CredentialProblemCode; reason: string; /** Retry-After */ retryAfterMs?: number };

/** The interface of the issuer for this file. It never rejects. */
export interface Issuer {
  requestToken(clientSecret: string, signal: AbortSignal): Promise<TokenAnswer>;
}

type Token = { ready: ReadyCredential; arrivedAt: number; expiresAt: number; refreshAt: number };
type Problem = { code: CredentialProblemCode; reason: string; retryAt: number };

/** How often the secret file of a refused client is checked, so that a rotation does not have to wait for the back-off. */
const WATCH_MS = 1000;
/** Number of tokens in the secret registry: the current one, and older ones that a late error may still quote. */
const REMEMBERED_TOKENS = 3;

const TIMED_OUT: TokenAnswer = {
  kind: "failed",
  code: "token_unavailable",
  reason: `the issuer did not answer within ${ATTEMPT_TIMEOUT_MS / 1000} s`,
};
const EXPIRED_ON_ARRIVAL: TokenAnswer & { kind: "failed" } = {
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
  const { issuer, secret, clock, random, log, secrets } = options;
  let token: Token | undefined;
  let problem: Problem | undefined;
  let flight: Promise<void> | undefined;
  let generation = 0;
  let failures = 0;
  let refusedGeneration = 0;
  let refusals = 0;
  let remembered: string[] = [];
  let usedSecret: string | undefined;
  let cancelTimer = (): void => {};
  let abortAttempt = (): void => {};
  let closed = false;

  /** Starts an attempt, or joins the current one. */
  function begin(): Promise<void> {
    cancelTimer();
    flight ??= attempt().finally(() => {
      flight = undefined;
    });
    return flight;
  }

  async function attempt(): Promise<void> {
    const startedAt = clock.now();
    const abort = new AbortController();
    abortAttempt = () => abort.abort();
    const cancelDeadline = clock.after(ATTEMPT_TIMEOUT_MS, abortAttempt);
    let answer: TokenAnswer = TIMED_OUT;
    let secretProblem: string | undefined;
    async function ask(): Promise<void> {
      const read = await secret.read();
      secretProblem = read.problem;
      usedSecret = read.value;
      const given = await issuer.requestToken(read.value, abort.signal);
      if (!abort.signal.aborted) answer = given;
    }
    // this ends even if a file system or a connection ignores the signal
    await orAborted(ask(), abort.signal);
    cancelDeadline();
    if (closed) return;
    if (answer.kind === "failed") fail(answer, secretProblem);
    else accept(answer.accessToken, answer.ttlMs ?? ASSUMED_TTL_MS, startedAt);
  }

  function accept(accessToken: string, ttlMs: number, startedAt: number): void {
    remember(accessToken);
    const now = clock.now();
    const expiresAt = startedAt + usableMs(ttlMs);
    if (!(expiresAt > now)) return fail(EXPIRED_ON_ARRIVAL);
    generation += 1;
    failures = 0;
    problem = undefined;
    token = {
      ready: { kind: "ready", headers: { authorization: `Bearer ${accessToken}` }, generation },
      arrivedAt: now,
      expiresAt,
      refreshAt: startedAt + refreshAfterMs(ttlMs),
    };
    log.info({ generation, ttlMs, refreshInMs: token.refreshAt - now }, "token received");
    schedule(token.refreshAt);
  }

  function fail(answer: TokenAnswer & { kind: "failed" }, secretProblem?: string): void {
    failures += 1;
    const { code } = answer;
    const reason = secretProblem === undefined ? answer.reason : `${answer.reason}; ${secretProblem}`;
    const retryInMs = retryDelayMs(failures, code, random, answer.retryAfterMs);
    problem = { code, reason, retryAt: clock.now() + retryInMs };
    const tokenExpiresInMs = token === undefined ? 0 : Math.max(0, token.expiresAt - clock.now());
    log[tokenExpiresInMs > 0 ? "warn" : "error"](
      { code, reason, failures, retryInMs, tokenExpiresInMs },
      "token request failed",
    );
    retry(problem);
  }

  function retry(failed: Problem): void {
    if (failed.code !== "credentials_invalid" || !secret.rotates) return schedule(failed.retryAt);
    const wait = Math.min(WATCH_MS, Math.max(0, failed.retryAt - clock.now()));
    cancelTimer = clock.after(wait, () => void retryIfRotated(failed));
  }

  async function retryIfRotated(failed: Problem): Promise<void> {
    const { value } = await secret.read();
    if (closed || flight !== undefined || problem !== failed) return;
    if (value !== usedSecret || clock.now() >= failed.retryAt) await begin();
    else retry(failed);
  }

  function schedule(at: number): void {
    cancelTimer();
    cancelTimer = clock.after(Math.max(0, at - clock.now()), () => void begin());
  }

  /** Adds a token to the log filter, and removes old ones: many short-lived tokens must not slow down every line. */
  function remember(accessToken: string): void {
    if (remembered.includes(accessToken)) return; // some issuers return the same token until it expires
    secrets.add(accessToken);
    remembered = [...remembered, accessToken];
    while (remembered.length > REMEMBERED_TOKENS) secrets.forget(remembered.shift() ?? "");
  }

  function unexpired(): ReadyCredential | undefined {
    if (closed || token === undefined || clock.now() >= token.expiresAt) return undefined;
    return token.ready;
  }

  function current(): ReadyCredential | undefined {
    const ready = unexpired();
    return flight !== undefined && ready?.generation === refusedGeneration ? undefined : ready;
  }

  function unavailable(): UnavailableCredential {
    if (problem === undefined) {
      return { kind: "unavailable", code: "token_unavailable", reason: "no token yet", retryAfterMs: 0 };
    }
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
    return (signal?.aborted === true ? current() : unexpired()) ?? (closed ? CLOSED : unavailable());
  }

  function refused(refusedNow: number): void {
    if (token?.ready.generation !== refusedNow || refusedGeneration === refusedNow) return;
    if (closed) return;
    refusedGeneration = refusedNow;
    const now = clock.now();
    refusals = now - token.arrivedAt >= PROVEN_AFTER_MS ? 1 : refusals + 1;
    const refreshInMs = refusalDelayMs(refusals);
    log.warn({ generation: refusedNow, refusals, refreshInMs }, "the coordinator refused the token");
    if (flight !== undefined || problem !== undefined) return; // an attempt is in progress, or the next one is scheduled
    if (refreshInMs === 0) void begin();
    else schedule(Math.min(token.refreshAt, now + refreshInMs));
  }

  return {
    current,
    headers,
    refused,
    describe(): CredentialState {
      const state: CredentialState = { kind: "oidc" };
      if (token !== undefined) state.tokenExpiresInMs = Math.max(0, token.expiresAt - clock.now());
      if (problem !== undefined) state.lastError = `${problem.code}: ${problem.reason}`;
      return state;
    },
    close() {
      closed = true;
      cancelTimer();
      abortAttempt();
    },
  };
}

/** Settles with the work, or when the signal is aborted, whichever comes first. */
async function orAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return work;
  let stop = (): void => {};
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) resolve();
  });
  await Promise.race([work, aborted]);
  signal.removeEventListener("abort", stop);
}
