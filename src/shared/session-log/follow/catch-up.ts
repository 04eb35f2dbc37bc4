import type { Clock } from "../../base/clock.ts";
import { rest } from "../../base/rest.ts";
import { errorText } from "../../base/errors.ts";
import type { Logger } from "../../base/logger.ts";
import { SESSIONS_SUBJECT } from "../topology.ts";
import type { Learnt, Position } from "./contiguity.ts";
import type { Leader } from "./leader.ts";
import type { Pages } from "./pages.ts";
import type { StoredEvent } from "./stored-event.ts";

/** Pause before the log is read again that could not be read, or by a copy that is behind. */
const AGAIN_MS = 50;

/** Reads what was missed, again and again, until the position is not behind any more. Events and what follows from their absence go to `learn`. */
export async function catchUp(deps: {
  position: () => Position;
  learn: (learnt: Learnt, event?: StoredEvent) => void;
  pages: Pages;
  leader: Leader;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { learn, pages, leader, clock, log, signal } = deps;
  const pause = (): Promise<void> => rest(clock, AGAIN_MS, signal);
  for (let at = deps.position(); at.kind === "behind" && !signal.aborted; at = deps.position()) {
    try {
      const { events } = await pages.read(SESSIONS_SUBJECT, at.upTo + 1);
      for (const event of events) learn({ type: "read", seq: event.seq }, event);
      if (events.length > 0) continue;
      // a copy that is behind looks like a hole; only the leader knows, and not one that is behind itself
      const { last } = await leader.end();
      const next = last < at.seen ? at.seen : await leader.next(at.upTo + 1);
      if (next === undefined || next > at.seen) learn({ type: "nothing", below: at.seen });
      else await pause(); // the copy will have it
    } catch (error) {
      if (signal.aborted) return;
      log.debug({ error: errorText(error) }, "reading the log of sessions failed, and is tried again");
      await pause();
    }
  }
}
