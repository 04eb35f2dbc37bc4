import type { Budget } from "./budget.ts";
import { MAX_WHOLE, type Entry, type Lane } from "./lane.ts";

/** The memory of the waiting entries in all lanes: how many there are, and which of them are kept whole (BOUND-1). */
export class Memory {
  readonly #budget: Budget;
  /** Entries in all lanes, those in flight too. */
  #waiting = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get wholeBytes(): number {
    return this.#budget.used;
  }

  /** Counts an entry that is about to join a lane. Returns whether it may stay whole; a thin one is read from the log when its turn comes. */
  admit(lane: Lane, entry: Entry): boolean {
    this.#waiting++;
    return this.#hasRoom(lane, entry);
  }

  /** An entry leaves its lane. */
  release(entry: Entry): void {
    this.#waiting--;
    if (entry.envelope !== undefined) this.#budget.give(entry.bytes);
    makeThin(entry);
  }

  /** A lane's head is always whole, the next ones while there is room; behind a thin one everything is thin. */
  #hasRoom(lane: Lane, entry: Entry): boolean {
    if (lane.length === 0) {
      this.#budget.take(entry.bytes);
      return true;
    }
    return (
      lane.length < MAX_WHOLE &&
      lane.peek(lane.length - 1)?.envelope !== undefined &&
      this.#budget.tryTake(entry.bytes)
    );
  }
}

/** Drops the body of an entry and keeps only its numbers. */
export function makeThin(entry: Entry): void {
  entry.envelope = undefined;
  entry.data = undefined;
}
