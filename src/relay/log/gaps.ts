/** Numberings that are remembered; the least recently used one is forgotten, and its next event counts as its first. */
const MAX_NUMBERINGS = 50_000;

/** Finds numbers of a session that are missing in the log: a flipped bit on a disk is not reported by the broker. */
export class Gaps {
  readonly #last = new Map<string, number>();

  /** Number of events that are missing right before this one; 0 for what came again. */
  check(session: string, epoch: string, seq: number): number {
    const key = `${epoch} ${session}`;
    const last = this.#last.get(key);
    if (last !== undefined && seq <= last) return 0;
    this.#last.delete(key);
    this.#last.set(key, seq);
    if (this.#last.size > MAX_NUMBERINGS) {
      const [oldest] = this.#last.keys();
      if (oldest !== undefined) this.#last.delete(oldest);
    }
    return last === undefined ? 0 : seq - last - 1;
  }
}
