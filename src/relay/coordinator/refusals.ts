import { Outcomes } from "./outcomes.ts";

/** If half of this many attempts, over this many sessions, are refused, the events are not the reason: something else is wrong. */
const SHARE = 0.5;
const MIN_ATTEMPTS = 20;
const MIN_SESSIONS = 5;
const WINDOW_MS = 60_000;

/** Watches for a coordinator that refuses most of what it gets, before the dead letters swallow the log (docs/contract.md, "Verdicts"). */
export class Refusals {
  readonly #outcomes = new Outcomes(WINDOW_MS);

  /** Counts a final verdict. Returns whether most of them are refusals now. */
  record(now: number, session: string, refused: boolean): boolean {
    this.#outcomes.record(now, session, refused);
    if (!refused) return false;
    const { attempts, hits, sessions } = this.#outcomes.summary();
    return attempts >= MIN_ATTEMPTS && sessions >= MIN_SESSIONS && hits > SHARE * attempts;
  }

  reset(): void {
    this.#outcomes.clear();
  }
}
