import type { JetStreamManager } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { shardOf } from "../../shared/log/schema/partition.ts";
import { readHeld } from "../../shared/log/state/held.ts";
import type { Shard } from "../source/shard.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { HeldSessions } from "./held-sessions.ts";
import { createEnter } from "./held/enter.ts";
import { createLeave } from "./held/leave.ts";
import { Load } from "./held/load.ts";
import type { Pointer } from "./held/state.ts";
import { createMoveHeld } from "./held/carry-out.ts";
import { createPointers, type Pointers } from "./held/pointers.ts";
import { Refill, REFILL_BELOW } from "./held/refill.ts";
import { createResume } from "./held/resume.ts";
import type { HeldTable } from "./held/table.ts";
import { Terms } from "./held/terms.ts";
import type { Entry, Lane } from "./lane.ts";
import { placesOf } from "./places.ts";
import type { LeaderWord, Stored } from "./stored.ts";

// held/enter.ts holds a session · held/refill.ts reads its events from the log · held/resume.ts lets it go on · held/leave.ts ends its pointer · held/load.ts takes over
// held/state.ts names the states · held/held-phase.ts moves from one to the next · held/table.ts has those that are not free · held/carry-out.ts carries that out · held/pointers.ts writes · held/terms.ts counts takeovers
// Several relays write a pointer, one after the other, and each write may arrive late or not at all. So every step that waits for the broker is a state of the
// machine, and each of these files has one way from state to state.

/** More waiting events of one session than this are read from the log: a fifth of the window that its shard's sessions share. */
export const HOLD_ABOVE = 20_000;

export type HeldDeps = {
  nc: NatsConnection;
  jsm: JetStreamManager;
  kv: KV;
  clock: Clock;
  log: Logger;
  dispatcher: Dispatcher;
  table: HeldTable;
  /** Shards of the log. */
  shardCount: number;
  read(session: string, from: number): Promise<Stored[] | undefined>;
  /** The first event of a session from a number on, as the log's leader has it, which knows at least the number `known`. */
  readLeader(session: string, from: number, known: number): Promise<LeaderWord>;
  /** How far a replica that `read` asks may lag behind, milliseconds; 0 where there is only one. */
  lagMs: number;
  /** The shard's fence and its memory of what is settled, which also hold for entries that are read from the log. */
  fence(shard: number): Pick<Shard, "mayForward" | "verify" | "settled">;
};

/**
 * Sessions whose events wait for long. A durable pointer into the log replaces their place in the consumer: first the pointer is
 * written, then the messages are acked; later they are read from the log by subject, in order, and the session joins the live
 * stream when it has caught up (ORDER-1, BOUND-1). Copying them to another stream broke order (docs/facts.md, "Hot session").
 */
export function createHeldSessions(deps: HeldDeps): HeldSessions {
  const { jsm, table } = deps;
  const terms = new Terms();
  const pointers = createPointers(deps);
  const move = createMoveHeld(deps);
  const leave = createLeave({ ...deps, terms, pointers, move });
  const refill = new Refill({ ...deps, move, leave });
  const parts = { ...deps, terms, pointers, move, refill };
  const loading = new Load(parts);

  return {
    hold: createEnter(parts),
    resume: createResume(parts),
    load: (shard) => loading.load(shard),
    forget: (shard) => loading.forget(shard),
    isCounted: (shard) => loading.isCounted(shard),
    async lowestFrom(shard, goesOn) {
      const records = [...(await readHeld(jsm)).values()];
      const due = records.filter(
        (record) => shardOf(record.session, deps.shardCount) === shard && goesOn(record),
      );
      return due.length === 0 ? undefined : Math.min(...due.map(({ from }) => from));
    },
    takes: (token, seq, bytes) => takes(table, token, seq, bytes),
    settled(lane, entry) {
      const pointer = noteSettled(table, lane, entry);
      if (pointer !== undefined && lane.length < REFILL_BELOW) refill.fill(lane.token);
    },
    async save() {
      for (const [token, state] of table.entries()) {
        if (state.name !== "joined") continue;
        if (deps.fence(state.shard).settled.floor >= state.below - 1) move(token, { on: "known" });
      }
      await savePointers(deps, pointers);
    },
    reason: (token) => table.reason(token),
    isChanging: (token) => table.change(token) !== undefined,
    list: () => Array.from(table.pointers(), ({ record, waiting, bytes }) => ({ record, waiting, bytes })),
    waits(token) {
      const pointer = table.pointer(token);
      return pointer && { events: pointer.waiting, bytes: pointer.bytes };
    },
    shards: () => new Set(Array.from(table.pointers(), ({ shard }) => shard)),
    places: (shard) => placesOf(table.pointers(), shard),
  };
}

/** Is the event left to the log? An event that is settled, but was forgotten in a crash, is passed over in the same way. */
function takes(table: HeldTable, token: string, seq: number, bytes: number): boolean {
  const state = table.get(token);
  if (state.name === "free") return false;
  if (state.name !== "draining" && state.name !== "standing") return seq < state.below;
  const { pointer } = state;
  if (seq < pointer.record.from) return true;
  pointer.lastPassed = Math.max(pointer.lastPassed, seq);
  pointer.waiting++;
  pointer.bytes += bytes;
  return true;
}

/** Moves the session's first unsettled sequence on, wherever it is remembered. Returns the pointer if the event was one of a held session's. */
function noteSettled(table: HeldTable, lane: Lane, entry: Entry): Pointer | undefined {
  const next = lane.inFlight[0] ?? lane.peek(); // of a batch the last may be settled before the first
  const lowest = Math.min(entry.seq + 1, next?.seq ?? Infinity);
  const state = table.get(lane.token);
  if (state.name === "forgotten") state.from = Math.max(state.from, lowest);
  const change =
    state.name === "entering" || state.name === "leaving" || state.name === "draining"
      ? state.change
      : undefined;
  if (change?.from !== undefined) change.from = Math.max(change.from, lowest);
  const pointer = table.pointer(lane.token);
  if (pointer === undefined || entry.seq < pointer.record.from) return undefined;
  pointer.record.from = Math.max(pointer.record.from, lowest);
  pointer.waiting = Math.max(0, pointer.waiting - 1);
  pointer.bytes = Math.max(0, pointer.bytes - entry.bytes);
  pointer.dirty = true;
  return pointer;
}

/** Writes the pointers that have moved. One that is being written with another reason is left out: this write would overwrite that. */
async function savePointers(deps: HeldDeps, pointers: Pointers): Promise<void> {
  const { table } = deps;
  for (const [token] of table.entries()) {
    const pointer = table.pointer(token);
    if (pointer === undefined || !pointer.dirty || table.change(token)?.from !== undefined) continue;
    if (!deps.fence(pointer.shard).mayForward()) continue;
    pointer.dirty = false;
    try {
      await pointers.rewrite(pointer);
    } catch (error) {
      pointer.dirty = true;
      throw error;
    }
  }
}
