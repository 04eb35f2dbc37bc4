import { setFlagsFromString } from "node:v8";

// The clock, the event loop and chance of a simulated world. One history runs within one turn of the real event loop: nothing real can come in between, so that the
// same seed gives the same steps. Between two events all promises settle, as they do between two turns of Node.

setFlagsFromString("--allow-natives-syntax");
/** Lets all promises settle, now. Does nothing while promises settle already, so a history must begin in a turn of its own ({@link inTurn}). */
// oxlint-disable-next-line typescript/no-implied-eval -- the only way to reach V8's own queue of promises
const settlePromises = new Function("%PerformMicrotaskCheckpoint()") as () => void;

/** A simulated process. Its timers, messages and answers wait while it is stopped, and are gone when it is killed. */
export type SimProcess = { readonly name: string; alive: boolean; stoppedUntil: number };

type Event = {
  at: number;
  order: number;
  run: (() => void) | undefined;
  /** Null: it belongs to no process. */
  owner: SimProcess | null | undefined;
};

/** Monotonic time at the start of each history, milliseconds; not 0, because the product takes 0 for "never". */
const START_MS = 10_000;
/** Wall clock at that time. */
const START_WALL = Date.UTC(2026, 0, 1);

export class Schedule {
  #now = START_MS;
  #order = 0;
  readonly #heap: Event[] = [];
  /** The process whose code runs now. Timers belong to it. */
  current: SimProcess | null | undefined;
  /** Events carried out so far. */
  steps = 0;
  /** Added to the wall clock: clocks jump. */
  wallSkew = 0;
  #hash = 0x811c9dc5;
  /** Told each traced line, for people who look at one history. */
  onTrace: ((line: string) => void) | undefined;

  now = (): number => this.#now;
  wall = (): number => this.trueWall() + this.wallSkew;
  /** The wall clock of a machine that is never set anew: the broker's. */
  trueWall = (): number => START_WALL + Math.floor(this.#now - START_MS);

  /** Runs `fn` after `ms` in a process, by default in the one that runs now; with null in none, as what the network or the broker does. */
  after = (ms: number, fn: () => void, owner: SimProcess | null | undefined = this.current): (() => void) => {
    const event: Event = { at: this.#now + Math.max(0, ms), order: this.#order++, run: fn, owner };
    push(this.#heap, event);
    return () => void (event.run = undefined);
  };

  /** Puts a line into the trace, which two runs of a seed must share. */
  trace(line: string): void {
    for (let i = 0; i < line.length; i++) this.#hash = Math.imul(this.#hash ^ line.charCodeAt(i), 0x01000193);
    this.#hash = Math.imul(this.#hash ^ Math.round(this.#now * 1000), 0x01000193);
    this.onTrace?.(`${(this.#now - START_MS).toFixed(2).padStart(9)} ${line}`);
  }

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  /** Carries events out until the time is over or `done` says so. */
  runUntil(time: number, done?: () => boolean): void {
    settlePromises();
    while (!(done?.() ?? false)) {
      const next = this.#heap[0];
      if (next === undefined || next.at > time) {
        this.#now = Math.max(this.#now, time);
        return;
      }
      pop(this.#heap);
      this.#carryOut(next);
    }
  }

  #carryOut(event: Event): void {
    const { run, owner } = event;
    this.#now = Math.max(this.#now, event.at);
    if (run === undefined || owner?.alive === false) return;
    if (owner && owner.stoppedUntil > this.#now) {
      // in the same order, because what waits keeps its number
      event.at = owner.stoppedUntil;
      push(this.#heap, event);
      return;
    }
    this.steps++;
    this.current = owner;
    run();
    settlePromises();
    this.current = undefined;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Event[], event: Event): void {
  let at = heap.length;
  heap.push(event);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as Event;
    if (!isBefore(event, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: Event[]): void {
  const last = heap.pop() as Event;
  if (heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++;
    if (!isBefore(heap[child] as Event, last)) break;
    heap[at] = heap[child] as Event;
    at = child;
  }
  heap[at] = last;
}

/** Runs a history in a turn of its own: promises settle in it only when the schedule says so. */
export function inTurn<T>(run: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(run());
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}
