import type { Clock } from "../../../shared/base/clock.ts";
import { errorText } from "../../../shared/base/errors.ts";
import type { Logger } from "../../../shared/base/logger.ts";
import { RETRY_MS } from "./entries.ts";
import type { Change, Pointer } from "./state.ts";
import type { MoveHeld } from "./carry-out.ts";
import type { Pointers } from "./pointers.ts";
import type { Terms } from "./terms.ts";

/** Deletes the pointer of a session that has caught up. From the call on the consumer's deliveries go to its lane, which stands still until the pointer is gone. */
export type Leave = (token: string, pointer: Pointer) => void;

export function createLeave(deps: {
  clock: Clock;
  log: Logger;
  terms: Terms;
  pointers: Pointers;
  move: MoveHeld;
}): Leave {
  const { clock, log, terms, pointers, move } = deps;

  /** One try. Returns whether the pointer is gone. */
  async function tryRemove(token: string, pointer: Pointer): Promise<boolean> {
    try {
      // a pointer that was only read is written first, because its revision is needed
      if (pointer.revision === undefined) await pointers.rewrite(pointer);
      else if (await pointers.remove(token, pointer)) return true;
      else pointer.revision = undefined; // another relay changed it
    } catch (error) {
      pointer.revision = undefined; // it may have changed
      const { session } = pointer.record;
      log.warn({ session, err: errorText(error) }, "the record of a held session could not be deleted yet");
    }
    return false;
  }

  async function remove(token: string, pointer: Pointer): Promise<void> {
    const { shard } = pointer;
    const term = terms.current(shard);
    await pointer.writing; // otherwise the write could bring the pointer back
    for (;;) {
      const mine = await pointers.mayWrite(shard);
      if (terms.current(shard) !== term) return; // loaded again, or its new owner's
      if (mine && (await tryRemove(token, pointer))) break;
      if (mine && pointer.revision !== undefined) continue; // it was written just now
      pointer.revision = undefined;
      await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
    }
    log.info({ session: pointer.record.session }, "session joins the live stream");
    move(token, { on: "left" });
  }

  return function leave(token, pointer) {
    const change: Change = { from: pointer.record.from, work: Promise.resolve() };
    move(token, { on: "leave", change });
    change.work = pointers.track(remove(token, pointer));
  };
}
