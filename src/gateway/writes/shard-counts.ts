import type { Amount, SessionWord } from "../../shared/messages/session-amounts.ts";

type Amounts = Map<string, Amount>;

/** How much of each session of one shard waits: what its relay told last, plus what was accepted here since it was asked. */
export class ShardCounts {
  /** Accepted here since a relay was asked. */
  readonly #since: Amounts = new Map();
  /** Accepted here before that, while the answer is under way. */
  readonly #asked: Amounts = new Map();
  readonly #reported: Amounts = new Map();
  /** Most sessions in each of them. */
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  amountOf(session: string): Amount {
    const sum = { events: 0, bytes: 0 };
    for (const amounts of [this.#since, this.#asked, this.#reported]) {
      const amount = amounts.get(session);
      sum.events += amount?.events ?? 0;
      sum.bytes += amount?.bytes ?? 0;
    }
    return sum;
  }

  /** Of all sessions. */
  total(): Amount {
    const sum = { events: 0, bytes: 0 };
    for (const amounts of [this.#since, this.#asked, this.#reported]) {
      for (const { events, bytes } of amounts.values()) {
        sum.events += events;
        sum.bytes += bytes;
      }
    }
    return sum;
  }

  /** Did a relay tell that the session has a backlog? */
  waits(session: string): boolean {
    return this.#reported.has(session);
  }

  stored(session: string, bytes: number): void {
    this.#add(this.#since, session, { events: 1, bytes });
  }

  /** Nothing waits. */
  clear(): void {
    this.#since.clear();
    this.#asked.clear();
    this.#reported.clear();
  }

  report(session: string, amount: Amount): void {
    this.#reported.set(session, amount);
  }

  /** Sessions that were written to since a relay was asked about them. `known`: also those that are known to wait. */
  *written(known: boolean): Generator<string> {
    for (const session of this.#since.keys())
      if (!this.#asked.has(session) && (known || !this.#reported.has(session))) yield session;
  }

  /** Sessions that are known to wait, those that were asked about last at the end. */
  waiting(): Iterable<string> {
    return this.#reported.keys();
  }

  /** A relay is asked about the session now. {@link ShardCounts.told} must follow. */
  ask(session: string): void {
    const amount = this.#since.get(session);
    if (amount === undefined) return;
    this.#since.delete(session);
    this.#add(this.#asked, session, amount);
  }

  told(session: string, word: SessionWord): void {
    const asked = this.#asked.get(session);
    this.#asked.delete(session);
    if (word === "unknown") {
      if (asked !== undefined) this.#add(this.#since, session, asked);
      return;
    }
    this.#reported.delete(session); // and to the end, so that the others' turn comes
    if (word !== "none") this.#reported.set(session, word);
  }

  #add(amounts: Amounts, session: string, more: Amount): void {
    const amount = amounts.get(session);
    if (amount === undefined) {
      if (amounts.size >= this.#most) forgetFirst(amounts);
      amounts.set(session, { ...more });
    } else {
      amount.events += more.events;
      amount.bytes += more.bytes;
    }
  }
}

function forgetFirst(amounts: Amounts): void {
  for (const session of amounts.keys()) {
    amounts.delete(session);
    return;
  }
}
