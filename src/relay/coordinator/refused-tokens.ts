/** With an event accepted so recently, a refusal is a session's own matter. */
const LATELY_MS = 30_000;

/** Which sessions' heads were refused with a fresh credential since the coordinator last accepted an event. Times are `clock.now()`. */
export class RefusedTokens {
  readonly #sessions = new Set<string>();
  #acceptedAt = -Infinity;

  accepted(now: number): void {
    this.#acceptedAt = now;
    this.#sessions.clear();
  }

  /** Notes a refusal and returns whether it is everybody's: others are refused too, and nobody was accepted lately. */
  refused(now: number, session: string): boolean {
    this.#sessions.add(session);
    return this.#sessions.size > 1 && now - this.#acceptedAt > LATELY_MS;
  }
}
