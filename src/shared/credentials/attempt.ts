import type { Clock } from "../base/clock.ts";
import type { CredentialProblemCode } from "./port.ts";
import { ATTEMPT_TIMEOUT_MS } from "./schedule.ts";
import type { Secret } from "./secret.ts";

/** The result of a token request. Reasons are for people and contain no secret. */
export type TokenAnswer =
  | { kind: "token"; accessToken: string; /** absent: the issuer did not say */ ttlMs?: number }
  | { kind: "failed"; code: CredentialProblemCode; reason: string; /** Retry-After */ retryAfterMs?: number };

/** The interface of the issuer for this file. It never rejects. */
export interface Issuer {
  requestToken(clientSecret: string, signal: AbortSignal): Promise<TokenAnswer>;
}

export type Attempt = {
  answer: TokenAnswer;
  /** The client's secret that was used; undefined if it could not be read in time. */
  secret: string | undefined;
};

const TIMED_OUT: TokenAnswer = {
  kind: "failed",
  code: "token_unavailable",
  reason: `the issuer did not answer within ${ATTEMPT_TIMEOUT_MS / 1000} s`,
};

/**
 * Asks the issuer for a token once, with the secret as it is now. Ends after {@link ATTEMPT_TIMEOUT_MS} or when `abort` says so, even if a file system
 * or a connection ignores the signal. Never rejects.
 */
export async function attemptToken(
  { issuer, secret, clock }: { issuer: Issuer; secret: Secret; clock: Clock },
  abort: AbortController,
): Promise<Attempt> {
  const attempt: Attempt = { answer: TIMED_OUT, secret: undefined };
  let problem: string | undefined;
  const cancelDeadline = clock.after(ATTEMPT_TIMEOUT_MS, () => abort.abort());
  async function ask(): Promise<void> {
    const read = await secret.read();
    ({ problem } = read);
    attempt.secret = read.value;
    const answer = await issuer.requestToken(read.value, abort.signal);
    if (!abort.signal.aborted) attempt.answer = answer;
  }
  await orAborted(ask(), abort.signal);
  cancelDeadline();
  const { answer } = attempt;
  if (answer.kind === "token" || problem === undefined) return attempt;
  // the issuer may have refused an old secret, because the new one cannot be read
  return { ...attempt, answer: { ...answer, reason: `${answer.reason}; ${problem}` } };
}

/** Settles with the work, or when the signal is aborted, whichever comes first. */
export async function orAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
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
