/** Whole messages in all lanes of one process together, bytes (BOUND-1). */
export const MAX_WHOLE_BYTES: number = 32 * 1024 * 1024;

/** Counts the bytes of messages that are kept whole. */
export class Budget {
  readonly #limit: () => number;
  #used = 0;

  constructor(limit: () => number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /** Takes the bytes if there is room. */
  tryTake(bytes: number): boolean {
    if (this.#used + bytes > this.#limit()) return false;
    this.#used += bytes;
    return true;
  }

  /** Takes the bytes in any case: a lane's head must be whole to be sent. */
  take(bytes: number): void {
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}
