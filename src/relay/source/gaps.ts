/** Most sessions that are remembered. With more, the oldest is forgotten, and its next event counts as its first one. */
const MAX_SESSIONS = 50_000;

type Numbering = {
  epoch: string;
  seq: number;
  /** For a session that two gateways serve. */ others?: Map<string, number>;
};

/** Finds numbers of a session that are missing in the log: a flipped bit on a disk is not reported by the broker. */
export class Gaps {
  readonly #sessions = new Map<string, Numbering>();

  /** Number of events that are missing right before this one; 0 for an event that came again. */
  check(session: string, epoch: string, seq: number): number {
    const known = this.#sessions.get(session);
    if (known === undefined) {
      this.#sessions.set(session, { epoch, seq });
      this.#limit();
      return 0;
    }
    if (known.epoch !== epoch) {
      known.others ??= new Map();
      known.others.set(known.epoch, known.seq);
      known.seq = known.others.get(epoch) ?? seq - 1;
      known.epoch = epoch;
      known.others.delete(epoch);
      if (known.others.size > 8) known.others.clear(); // epochs that ended
    }
    if (seq <= known.seq) return 0;
    const missing = seq - known.seq - 1;
    known.seq = seq;
    return missing;
  }

  /** What comes next counts as the session's first event, because events of it were passed over unread. */
  forget(session: string): void {
    this.#sessions.delete(session);
  }

  #limit(): void {
    if (this.#sessions.size <= MAX_SESSIONS) return;
    const [oldest] = this.#sessions.keys();
    if (oldest !== undefined) this.#sessions.delete(oldest);
  }
}
