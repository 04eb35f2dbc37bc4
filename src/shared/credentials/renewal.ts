import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { attemptToken, type Issuer, type TokenAnswer } from "./attempt.ts";
import type { HeldToken } from "./held-token.ts";
import { createNextAttempt } from "./next-attempt.ts";
import type { CredentialProblemCode } from "./port.ts";
import { ASSUMED_TTL_MS, retryDelayMs } from "./schedule.ts";
import type { Secret } from "./secret.ts";

/** Why there is no newer token. `retryAt`: monotonic time. */
export type Problem = { code: CredentialProblemCode; reason: string; retryAt: number };

type Failed = TokenAnswer & { kind: "failed" };

const EXPIRED_ON_ARRIVAL: Failed = {
  kind: "failed",
  code: "token_unavailable",
  reason: "the issuer's token had expired when it arrived",
};

/** Gets new tokens. There is at most one attempt at a time, and a failed one is repeated with back-off. */
export type Renewal = {
  /** Starts an attempt, or joins the current one. Never rejects. */
  begin(): Promise<void>;
  /** Starts an attempt at this time, in place of the one that is scheduled. */
  schedule(at: number): void;
  underWay(): boolean;
  /** Of the last attempt; undefined if it succeeded, or before the first one ended. */
  problem(): Problem | undefined;
  close(): void;
};

type RenewalDeps = {
  token: HeldToken;
  issuer: Issuer;
  secret: Secret;
  clock: Clock;
  random: () => number;
  log: Logger;
};

export function createRenewal(deps: RenewalDeps): Renewal {
  const { token, secret, clock, random, log } = deps;
  const next = createNextAttempt({ clock, secret, begin: () => void begin() });
  let problem: Problem | undefined;
  let flight: Promise<void> | undefined;
  let failures = 0;
  let abort = new AbortController();
  let closed = false;

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
    const { answer, secret: used } = await attemptToken(deps, abort);
    if (closed) return;
    if (answer.kind === "failed") return fail(answer, used);
    const ttlMs = answer.ttlMs ?? ASSUMED_TTL_MS;
    const accepted = token.accept(answer.accessToken, ttlMs, startedAt);
    if (accepted === undefined) return fail(EXPIRED_ON_ARRIVAL, used);
    const { generation, refreshAt } = accepted;
    failures = 0;
    problem = undefined;
    log.info({ generation, ttlMs, refreshInMs: refreshAt - clock.now() }, "token received");
    next.schedule(refreshAt);
  }

  function fail({ code, reason, retryAfterMs }: Failed, used: string | undefined): void {
    failures += 1;
    const retryInMs = retryDelayMs(failures, code, random, retryAfterMs);
    const retryAt = clock.now() + retryInMs;
    problem = { code, reason, retryAt };
    const tokenExpiresInMs = token.expiresInMs() ?? 0;
    log[tokenExpiresInMs > 0 ? "warn" : "error"](
      { code, reason, failures, retryInMs, tokenExpiresInMs },
      "token request failed",
    );
    if (code === "credentials_invalid" && secret.rotates) next.scheduleOrRotated(retryAt, used);
    else next.schedule(retryAt);
  }

  return {
    begin,
    schedule: next.schedule,
    underWay: () => flight !== undefined,
    problem: () => problem,
    close() {
      closed = true;
      next.cancel();
      abort.abort();
    },
  };
}
