/** If the coordinator accepted an event within this time, a refusal concerns one session only. */
const LATELY_MS = 30_000;

/** Which sessions' heads were refused with a fresh credential since the coordinator last accepted an event. Times are `clock.now()`. */
export class RefusedTokens {
  readonly #sessions = new Set<string>();
  #acceptedAt = -Infinity;

  accepted(now: number): void {
    this.#acceptedAt = now;
    this.#sessions.clear();
  }

  /** Notes a refusal. Returns whether it concerns all sessions: others are refused too, and no event was accepted lately. */
  refused(now: number, session: string): boolean {
    this.#sessions.add(session);
    return this.#sessions.size > 1 && now - this.#acceptedAt > LATELY_MS;
  }
}
