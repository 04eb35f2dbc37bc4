import { Outcomes } from "./outcomes.ts";

/** Opens after this many attempts in a row that found no connection at all. */
const CONNECTION_FAILURES = 3;
/** Or when this share of at least MIN_ATTEMPTS failed, over at least MIN_SESSIONS: one sick session never opens it. */
const FAILURE_SHARE = 0.7;
const MIN_ATTEMPTS = 10;
const MIN_SESSIONS = 3;
/** Attempts older than this do not count. */
const WINDOW_MS = 10_000;

/** Counts the results of attempts and says when the coordinator counts as away. Times are `clock.now()`. */
export class Breaker {
  readonly #outcomes = new Outcomes(WINDOW_MS);
  #inARow = 0;

  success(now: number, session: string): void {
    this.#inARow = 0;
    this.#outcomes.record(now, session, false);
  }

  /** Counts a failure and returns whether the breaker opens. `connection`: no connection could be made. */
  failure(now: number, session: string, connection: boolean): boolean {
    this.#outcomes.record(now, session, true);
    this.#inARow = connection ? this.#inARow + 1 : 0;
    if (this.#inARow >= CONNECTION_FAILURES) return true;
    const { attempts, hits, sessions } = this.#outcomes.summary();
    return attempts >= MIN_ATTEMPTS && sessions >= MIN_SESSIONS && hits >= FAILURE_SHARE * attempts;
  }

  reset(): void {
    this.#inARow = 0;
    this.#outcomes.clear();
  }
}
