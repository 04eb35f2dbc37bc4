import type { Envelope } from "../../shared/log/schema/envelope.ts";
import type { Refusal } from "../../shared/log/state/held.ts";
import type { Death } from "../coordinator/dead-letters.ts";
import type { Delivered, Source } from "../source/source.ts";
import { FIRST_PHASE, type Phase } from "./lane-phase.ts";
import type { Repute } from "./share.ts";

/** Whole messages kept per lane; beyond it only numbers are kept and the message is fetched when its turn comes (BOUND-1). */
export const MAX_WHOLE = 100;

/** Places of taken entries that a lane keeps in front of the waiting ones, to be put back there; more are cut off when they are the larger part. */
const MOST_TAKEN = 16;

/** One event that waits in a lane. Thin while `envelope` is undefined. */
export type Entry = Delivered & {
  source: Source;
  /** Size in the log. */
  readonly bytes: number;
  envelope: Envelope | undefined;
  /** The stored payload, kept for a dead letter. */
  data: Uint8Array | undefined;
  /** Why it becomes a dead letter instead of being sent: it cannot be read, or it is exhausted. */
  death: Death | undefined;
  /** The coordinator refused it for good, and the poison policy had it wait for an operator instead of burying it. */
  refused?: Refusal;
  /**
   * A report whose runner the coordinator does not know: the gate's time of being up when it said so first, and whether the runner has been registered again
   * since.
   */
  unregistered?: { since: number; again: boolean };
  /** A gateway waits for the answer and was told nothing yet. */
  waiting: boolean;
  /** clock.now() of its arrival here. */
  readonly arrivedAt: number;
};

/** The events of one session in order; at most one request (or batch) of it is in flight (ORDER-1). */
export class Lane {
  readonly token: string;
  readonly session: string;
  readonly shard: number;
  /** The result of its last attempt. */
  repute: Repute = "unproven";
  /** Only moves.ts changes it. */
  phase: Phase = FIRST_PHASE;
  /** Entries that are on their way, oldest first; not in the queue. */
  inFlight: Entry[] = [];
  /** Attempts of the head that failed. */
  attempts = 0;
  /** How long the head keeps failing while others succeed, milliseconds; decides on exhaustion. */
  failedForMs = 0;
  lastFailureAt = 0;
  /** clock.now() of the first of these attempts. */
  firstFailureAt = 0;
  /** Why the head failed last. */
  lastReason = "";
  /** The dispatcher's count of successes when the head failed last. */
  successMark = 0;
  /** How many of the first entries failed together for long. They go one by one, to find out which of them fails alone. */
  alone = 0;
  /** Reads of the log in a row that did not find the head. */
  notFound = 0;
  /** Attempts that were refused with 401 or 403 in a row. */
  refusedTokens = 0;
  /** The head met a kept connection that was closed in that moment. It is sent again at once, on a connection of its own. */
  fresh = false;
  #queue: Entry[] = [];
  #head = 0;
  #bytes = 0;

  constructor(token: string, session: string, shard: number) {
    this.token = token;
    this.session = session;
    this.shard = shard;
  }

  /** Waiting entries, those in flight not counted. */
  get length(): number {
    return this.#queue.length - this.#head;
  }

  /** Bytes of the waiting entries in the log. */
  get bytes(): number {
    return this.#bytes;
  }

  push(entry: Entry): void {
    this.#queue.push(entry);
    this.#bytes += entry.bytes;
  }

  peek(index = 0): Entry | undefined {
    return this.#queue[this.#head + index];
  }

  /** Moves the first `count` entries into flight. */
  take(count: number): Entry[] {
    const taken = this.#queue.slice(this.#head, this.#head + count);
    this.#head += taken.length;
    for (const entry of taken) this.#bytes -= entry.bytes;
    // ten thousand lanes exist in which nothing waits: events that were taken must not stay in their memory (BOUND-1)
    const isEmpty = this.#head === this.#queue.length;
    if (isEmpty || (this.#head > MOST_TAKEN && this.#head * 2 > this.#queue.length)) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    this.inFlight = taken;
    return taken;
  }

  /** Puts entries back in front; those whose consumer was reset meanwhile come again by themselves and are returned. */
  putBack(entries: Entry[]): Entry[] {
    const back = entries.filter((entry) => !entry.stale);
    const at = this.#head - back.length;
    if (at < 0) {
      this.#queue = [...back, ...this.#queue.slice(this.#head)];
      this.#head = 0;
    } else {
      // mostly the places that they were taken from: a long queue is not copied after every batch
      for (const [i, entry] of back.entries()) this.#queue[at + i] = entry;
      this.#head = at;
    }
    for (const entry of back) this.#bytes += entry.bytes;
    this.inFlight = [];
    return entries.filter((entry) => entry.stale);
  }

  /** Drops what waits (a consumer was reset and delivers all of it again); what is in flight continues. Returns what was dropped. */
  clear(): Entry[] {
    for (const entry of this.inFlight) entry.stale = true;
    return this.drop();
  }

  /** Drops the events that wait, because they are kept elsewhere now. Those in flight stay. */
  drop(): Entry[] {
    const dropped = this.#queue.slice(this.#head);
    this.#queue = [];
    this.#head = 0;
    this.#bytes = 0;
    return dropped;
  }

  entries(): Entry[] {
    return this.#queue.slice(this.#head);
  }

  succeeded(): void {
    this.repute = "proven";
    this.forgive();
  }

  /** The next attempt is a first one again. */
  forgive(): void {
    this.attempts = 0;
    this.failedForMs = 0;
    this.lastReason = "";
    this.refusedTokens = 0;
    this.fresh = false;
  }

  /** A failed attempt at `now`, when `successes` attempts of others had succeeded. */
  failed(now: number, successes: number, reason: string): void {
    if (this.attempts > 0 && successes > this.successMark) this.failedForMs += now - this.lastFailureAt;
    if (this.attempts === 0) this.firstFailureAt = now;
    this.attempts++;
    this.repute = "failing";
    this.lastFailureAt = now;
    this.successMark = successes;
    this.lastReason = reason;
  }
}
