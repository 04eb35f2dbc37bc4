import type { Logger } from "../../../shared/base/logger.ts";
import type { Dispatcher } from "../dispatcher.ts";
import { skipped } from "./entries.ts";
import type { Pointer } from "./state.ts";
import type { MoveHeld } from "./carry-out.ts";
import type { Pointers } from "./pointers.ts";
import type { Refill } from "./refill.ts";
import type { HeldTable } from "./table.ts";

/** Lets a parked or paused session go on, durably; the event at `skip` becomes a dead letter instead of being sent. */
export type Resume = (token: string, skip?: number) => Promise<void>;

export function createResume(deps: {
  log: Logger;
  dispatcher: Dispatcher;
  table: HeldTable;
  pointers: Pointers;
  move: MoveHeld;
  refill: Refill;
}): Resume {
  const { log, dispatcher, table, pointers, move, refill } = deps;

  /** Every later write of the record also shows that the session continues, even if this first one fails. */
  async function release(token: string, pointer: Pointer, skip: number | undefined): Promise<void> {
    const { record } = pointer;
    const { reason, text } = record;
    record.reason = "backlog";
    if (skip === undefined) {
      if (reason === "parked") record.before = { from: record.from, text, since: record.since };
      record.text = ""; // it said why the session stood still; a skipped event's dead letter quotes it
    } else record.skip = skip;
    move(token, { on: "resume" });
    try {
      await pointers.rewrite(pointer);
    } catch (error) {
      record.reason = reason;
      record.text = text;
      if (table.pointer(token) === pointer) move(token, { on: "revert" });
      throw error;
    }
    log.info({ session: record.session, reason, skip }, "session released");
  }

  return async function resume(token, skip) {
    await table.change(token)?.work.catch(() => {}); // if holding it failed, it is tried again elsewhere
    const pointer = table.pointer(token);
    if (pointer !== undefined && pointer.record.reason !== "backlog") {
      if (!(await pointers.mayWrite(pointer.shard))) throw new Error("this relay no longer owns the shard");
      if (table.pointer(token) !== pointer) throw new Error("the session is being loaded");
      await pointers.track(release(token, pointer, skip));
      if (table.pointer(token) !== pointer) return; // the relay that loads the shard next finds it
    }
    const lane = dispatcher.lane(token);
    if (lane !== undefined) {
      // it failed while the session was being held, or is on its way and may yet fail
      for (const entry of [...lane.inFlight, ...lane.entries()])
        if (pointer !== undefined && entry.seq === skip) entry.death = skipped(pointer.record);
      if (table.get(token).name !== "leaving") dispatcher.goOn(lane);
    }
    refill.fill(token);
  };
}
