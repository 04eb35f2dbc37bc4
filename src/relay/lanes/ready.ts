import type { Lane, Record } from "./lane.ts";
import { mayStart, type InFlight } from "./share.ts";

type Waiting = { lane: Lane; ticket: number };

/** Lanes that wait for a connection: first come, first served among those whose record may start now. */
export class ReadyLanes {
  readonly #queues: { [R in Record]: { items: Waiting[]; head: number } } = {
    proven: { items: [], head: 0 },
    unproven: { items: [], head: 0 },
    failing: { items: [], head: 0 },
  };
  #ticket = 0;

  get size(): number {
    return Object.values(this.#queues).reduce((sum, q) => sum + q.items.length - q.head, 0);
  }

  /** Does a lane wait that has not failed lately? */
  get healthy(): boolean {
    return this.#first("proven") !== undefined || this.#first("unproven") !== undefined;
  }

  add(lane: Lane): void {
    this.#queues[lane.record].items.push({ lane, ticket: this.#ticket++ });
  }

  /** The next lane that may start; with `inFlight` undefined any (a probe asks for no share). */
  next(inFlight: InFlight | undefined, connections: number): Lane | undefined {
    let best: Record | undefined;
    let ticket = Infinity;
    for (const record of ["proven", "unproven", "failing"] as const) {
      const first = this.#first(record);
      if (first === undefined || first.ticket > ticket) continue;
      if (inFlight !== undefined && !mayStart(record, inFlight, connections)) continue;
      [best, ticket] = [record, first.ticket];
    }
    return best === undefined ? undefined : this.#shift(best);
  }

  #first(record: Record): Waiting | undefined {
    const queue = this.#queues[record];
    // a lane may have been emptied since it was added
    while (queue.head < queue.items.length && queue.items[queue.head]?.lane.phase.name !== "ready")
      this.#shift(record);
    return queue.items[queue.head];
  }

  #shift(record: Record): Lane | undefined {
    const queue = this.#queues[record];
    const lane = queue.items[queue.head++]?.lane;
    if (queue.head > 256 && queue.head * 2 > queue.items.length) {
      queue.items = queue.items.slice(queue.head);
      queue.head = 0;
    }
    return lane;
  }
}
