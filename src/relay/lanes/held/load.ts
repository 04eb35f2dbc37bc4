import type { JetStreamManager } from "@nats-io/jetstream";
import type { Clock } from "../../../shared/base/clock.ts";
import { shardOf } from "../../../shared/log/schema/partition.ts";
import { sessionFilter } from "../../../shared/log/schema/subjects.ts";
import { sessionToken } from "../../../shared/log/schema/session-id.ts";
import { readHeld, type HeldRecord } from "../../../shared/log/state/held.ts";
import { countFrom, heldByWeight } from "../../../shared/messages/status/backlog.ts";
import type { Dispatcher } from "../dispatcher.ts";
import { RETRY_MS } from "./entries.ts";
import { shardOfHeld, type Pointer } from "./state.ts";
import type { MoveHeld } from "./carry-out.ts";
import type { Pointers } from "./pointers.ts";
import type { Refill } from "./refill.ts";
import type { HeldTable } from "./table.ts";
import type { Terms } from "./terms.ts";

/** Most held sessions of a shard that are counted at a takeover: each costs the broker up to 60 ms in the middle of a large log (walk.ts). */
const MOST_COUNTED = 100;

export type LoadDeps = {
  jsm: JetStreamManager;
  clock: Clock;
  dispatcher: Dispatcher;
  table: HeldTable;
  /** Shards of the log. */
  shardCount: number;
  terms: Terms;
  pointers: Pointers;
  move: MoveHeld;
  refill: Refill;
  /** How far a replica that is read may lag behind, milliseconds; 0 where there is only one. */
  lagMs: number;
};

/** Reads the held sessions of a shard that is taken over, and forgets those of a shard that is lost. */
export class Load {
  readonly #deps: LoadDeps;
  /** Shards whose held sessions were not counted yet. */
  readonly #uncounted = new Set<number>();

  constructor(deps: LoadDeps) {
    this.#deps = deps;
  }

  isCounted(shard: number): boolean {
    return !this.#uncounted.has(shard);
  }

  forget(shard: number): void {
    const { table, terms, move } = this.#deps;
    terms.begin(shard);
    this.#uncounted.delete(shard);
    for (const [token, state] of table.entries())
      if (shardOfHeld(state) === shard) move(token, { on: "lost" });
  }

  async load(shard: number): Promise<void> {
    const { jsm, dispatcher, table, terms, pointers, move, refill } = this.#deps;
    await pointers.quiet();
    this.forget(shard);
    dispatcher.clearShard(shard);
    const term = terms.current(shard);
    const records = await readHeld(jsm);
    if (terms.current(shard) !== term) return;
    for (const record of records.values()) {
      if (shardOf(record.session, this.#deps.shardCount) !== shard) continue;
      const token = sessionToken(record.session);
      move(token, { on: "load", pointer: this.#found(token, record, shard) });
      refill.fillLater(token); // after the reset, when the shard may forward
    }
    // held sessions know by now what was settled here, and the others need nothing
    for (const [token, state] of table.entries())
      if (shardOfHeld(state) === shard) move(token, { on: "absent" });
    void this.#count(shard);
  }

  #found(token: string, record: HeldRecord, shard: number): Pointer {
    const { clock, table, lagMs } = this.#deps;
    const state = table.get(token);
    const from = Math.max(record.from, state.name === "forgotten" ? state.from : 0);
    return {
      record: { ...record, from },
      shard,
      cursor: from,
      lastPassed: 0,
      joinsAt: clock.now() + lagMs, // this relay does not know which events were left to the log before
      waiting: 0,
      bytes: 0,
      dirty: from !== record.from,
      revision: undefined,
      writing: Promise.resolve(),
    };
  }

  /**
   * Counts the held events in the log, one session after the other, because a session's limit at the gateways must hold through a takeover. Events that were
   * left to the log since then are included.
   */
  async #count(shard: number): Promise<void> {
    const { jsm, clock, table, terms, shardCount } = this.#deps;
    const term = terms.current(shard);
    const loaded = [...table.pointers()].filter((pointer) => pointer.shard === shard);
    this.#uncounted.add(shard);
    for (const pointer of loaded.sort((a, b) => heldByWeight(a.record, b.record)).slice(0, MOST_COUNTED)) {
      const { session, from } = pointer.record;
      for (let events: number | undefined; events === undefined;) {
        events = await countFrom(jsm, sessionFilter(session, shardCount), from).catch(() => undefined);
        if (terms.current(shard) !== term) return;
        if (events !== undefined) pointer.waiting = Math.max(pointer.waiting, events);
        else await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
      }
    }
    if (terms.current(shard) === term) this.#uncounted.delete(shard);
  }
}
