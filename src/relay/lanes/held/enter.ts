import type { Clock } from "../../../shared/base/clock.ts";
import type { Logger } from "../../../shared/base/logger.ts";
import { heldText, type HeldReason, type HeldRecord, type Refusal } from "../../../shared/log/state/held.ts";
import type { Entry, Lane } from "../lane.ts";
import type { Change, Pointer } from "./state.ts";
import type { MoveHeld } from "./carry-out.ts";
import type { Pointers } from "./pointers.ts";
import type { Refill } from "./refill.ts";
import type { HeldTable } from "./table.ts";
import type { Terms } from "./terms.ts";

/** Holds a session: writes its pointer, and then acknowledges what waits in its lane. */
export type Enter = (lane: Lane, reason: HeldReason, text: string) => Promise<void>;

export type EnterDeps = {
  clock: Clock;
  log: Logger;
  table: HeldTable;
  terms: Terms;
  pointers: Pointers;
  move: MoveHeld;
  refill: Refill;
};

export function createEnter(deps: EnterDeps): Enter {
  const { table, pointers, move } = deps;

  return async function enter(lane, reason, text) {
    const { token, shard } = lane;
    for (let under = table.change(token); under !== undefined; under = table.change(token)) {
      if (reason === "backlog") return;
      await under.work.catch(() => {}); // a head turned out to be poison while its backlog was being held
    }
    const known = table.reason(token);
    if (known !== undefined && (known !== "backlog" || reason === "backlog")) return;
    if (table.get(token).name === "forgotten") throw notOurs();
    const change: Change = { from: undefined, work: Promise.resolve() };
    move(token, { on: "hold", shard, change });
    change.work = pointers.track(writePointer(deps, lane, change, { reason, text }));
    await change.work;
  };
}

/** Writes the pointer of a change that has begun. The change is over after that, whether it succeeded or not. */
async function writePointer(
  deps: EnterDeps,
  lane: Lane,
  change: Change,
  why: { reason: HeldReason; text: string },
): Promise<void> {
  const { log, table, terms, pointers, move, refill } = deps;
  const { token, session, shard } = lane;
  try {
    const state = table.get(token);
    if (state.name === "leaving") await state.change.work; // the end of the old pointer would end the new one
    const term = terms.current(shard);
    if (!(await pointers.mayWrite(shard))) throw notOurs();
    const record = recordOf(deps, lane, why);
    if (record === undefined) return move(token, { on: "failed" }); // nothing waits any more
    const { from } = record;
    change.from = from;
    const revision = await pointers.write(record);
    record.from = change.from; // some were settled meanwhile
    if (terms.current(shard) !== term) return move(token, { on: "late", shard, from: record.from }); // the relay that loads the shard next finds it
    const pointer = pointerTo(table.pointer(token), lane, record);
    move(token, { on: "written", pointer: { ...pointer, revision, dirty: record.from !== from } });
    log.warn({ session, from, ...why }, "session held");
    refill.fill(token);
  } catch (error) {
    move(token, { on: "failed" });
    throw error;
  }
}

function notOurs(): Error {
  return new Error("this relay no longer owns the shard");
}

/** The record of a session's first unsettled event; undefined if there is none. */
function recordOf(
  { clock, table }: EnterDeps,
  lane: Lane,
  { reason, text: words }: { reason: HeldReason; text: string },
): HeldRecord | undefined {
  const known = table.pointer(lane.token)?.record;
  const head = lane.inFlight[0] ?? lane.peek();
  const from = head?.seq ?? known?.from;
  if (from === undefined) return undefined;
  const skip = known?.skip;
  const text = heldText(words);
  const refusal = refusalOf(head, known);
  return {
    v: 1,
    session: lane.session,
    from,
    reason,
    text,
    since: (reason === "parked" ? sinceBefore(known, from, text) : undefined) ?? clock.wall(),
    ...(skip === undefined ? {} : { skip }),
    ...(refusal === undefined ? {} : { refusal }),
  };
}

/** Since when the session is parked, if an operator had the same event tried again and it was refused in the same words. */
function sinceBefore(known: HeldRecord | undefined, from: number, text: string): number | undefined {
  const before = known?.before;
  return before?.from === from && before.text === text ? before.since : undefined;
}

/** The refusal of the first event, with the attempts of earlier tries. */
function refusalOf(head: Entry | undefined, known: HeldRecord | undefined): Refusal | undefined {
  if (head === undefined) return known?.refusal;
  const { refused } = head;
  const earlier = known?.from === head.seq ? known.refusal : undefined;
  if (refused === undefined || earlier === undefined) return refused ?? earlier;
  return {
    ...refused,
    attempts: earlier.attempts + refused.attempts,
    ...(earlier.answered === true ? { answered: true } : {}),
  };
}

/** A pointer that takes the place of a lane's waiting entries, and of an earlier pointer. */
function pointerTo(
  known: Pointer | undefined,
  lane: Lane,
  record: HeldRecord,
): Omit<Pointer, "revision" | "dirty"> {
  return {
    record,
    shard: lane.shard,
    cursor: lane.peek()?.seq ?? record.from,
    lastPassed: Math.max(known?.lastPassed ?? 0, lane.peek(lane.length - 1)?.seq ?? 0),
    joinsAt: known?.joinsAt ?? 0,
    waiting: known?.waiting ?? lane.length,
    bytes: known?.bytes ?? lane.bytes,
    writing: Promise.resolve(),
  };
}
