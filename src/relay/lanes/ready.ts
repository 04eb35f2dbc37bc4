import type { Lane } from "./lane.ts";
import { mayStart, type InFlight, type Repute } from "./share.ts";

type Waiting = { lane: Lane; ticket: number };

/** Lanes that wait for a connection: first come, first served among those whose repute may start now. */
export class ReadyLanes {
  readonly #queues: { [R in Repute]: { items: Waiting[]; head: number } } = {
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
    this.#queues[lane.repute].items.push({ lane, ticket: this.#ticket++ });
  }

  /** The next lane that may start; with `inFlight` undefined any (a probe asks for no share). */
  next(inFlight: InFlight | undefined, connections: number): Lane | undefined {
    let best: Repute | undefined;
    let ticket = Infinity;
    for (const repute of ["proven", "unproven", "failing"] as const) {
      const first = this.#first(repute);
      if (first === undefined || first.ticket > ticket) continue;
      if (inFlight !== undefined && !mayStart(repute, inFlight, connections)) continue;
      [best, ticket] = [repute, first.ticket];
    }
    return best === undefined ? undefined : this.#shift(best);
  }

  #first(repute: Repute): Waiting | undefined {
    const queue = this.#queues[repute];
    // a lane may have been emptied since it was added
    while (queue.head < queue.items.length && queue.items[queue.head]?.lane.phase.name !== "ready")
      this.#shift(repute);
    return queue.items[queue.head];
  }

  #shift(repute: Repute): Lane | undefined {
    const queue = this.#queues[repute];
    const lane = queue.items[queue.head++]?.lane;
    if (queue.head > 256 && queue.head * 2 > queue.items.length) {
      queue.items = queue.items.slice(queue.head);
      queue.head = 0;
    }
    return lane;
  }
}
