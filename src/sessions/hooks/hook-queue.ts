import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { rest } from "../../shared/base/rest.ts";
import type { Caller, Refusal } from "../access/caller.ts";
import { isRefusal } from "../access/caller.ts";
import type { HookAgent, HookEvent } from "./hook-event.ts";
import { createLanes } from "./lanes.ts";

/** What waits: minutes of a busy agent, while the broker restarts. */
const MOST_EVENTS = 10_000;
/** Their bytes. A server may use 90 MB. */
const MOST_BYTES: number = 16 * 1024 * 1024;
/** Sessions of which an event is stored at the same time: a synced write of the log takes several of them together. Enough for 20 busy agents on two cores. */
const MOST_AT_ONCE = 16;
/** Between two tries while the log does not answer. */
const AGAIN_MS = 500;
/** How long a stop waits for what is left. Less than the server's own last resort. */
const DRAIN_MS = 4000;
/** Least time between two log lines about lost events. */
const COMPLAIN_MS = 60_000;

export type Waiting = HookEvent & { agent: HookAgent; caller: Caller };

/** Stores one event of a hook, and makes its session. */
export type Record = (it: Waiting) => Promise<{ kind: "recorded" } | Refusal>;

export type HookQueue = {
  /** False if there is no room: then the event is lost, which is counted and logged. */
  add(it: Waiting): boolean;
  counts: { lost: number; waiting: () => number };
  /** Stores what waits, for a while. Returns when nothing more is done. */
  close(): Promise<void>;
};

/** The log will take it later: these say something of the broker, or of this moment. Everything else would be refused again. */
const LATER: ReadonlySet<string> = new Set([
  "log_unreachable",
  "too_many_writes",
  "gateway_stopping",
  "internal",
]);

/**
 * Events of hooks, in memory until the log has them, because an agent must not wait for a log. Those of a session are stored in their order, and sessions take turns. What
 * is lost with this process, or for want of room, is at most what waits here.
 */
export function createHookQueue(deps: { record: Record; clock: Clock; log: Logger }): HookQueue {
  const { record, clock, log } = deps;
  const ended = new AbortController();
  let events = 0;
  let bytes = 0;
  let complainedAt = -Infinity;
  const counts = { lost: 0, waiting: () => events };

  function lose(code: string, lost = 1): void {
    counts.lost += lost;
    if (clock.now() - complainedAt < COMPLAIN_MS) return;
    complainedAt = clock.now();
    log.error({ code, lost: counts.lost }, "events of hooks were lost");
  }

  /** Stores an event, or waits a while where the log takes it later. */
  async function store(it: Waiting): Promise<boolean> {
    const outcome = await record(it).catch((error: unknown) => {
      log.error({ err: error }, "an event of a hook cannot be stored");
      return undefined;
    });
    if (outcome !== undefined && isRefusal(outcome) && LATER.has(outcome.code)) {
      await rest(clock, AGAIN_MS, ended.signal);
      return false;
    }
    events--;
    bytes -= it.event.data.length;
    if (outcome === undefined || isRefusal(outcome)) lose(outcome?.code ?? "internal");
    return true;
  }

  const lanes = createLanes({ most: MOST_AT_ONCE, take: store, over: ended.signal });
  return {
    counts,
    add(it) {
      const { length } = it.event.data;
      if (events >= MOST_EVENTS || bytes + length > MOST_BYTES) {
        lose("sessions_full");
        return false;
      }
      events++;
      bytes += length;
      lanes.add(JSON.stringify([it.caller.user, it.session]), it);
      return true;
    },
    async close() {
      await Promise.race([lanes.idle(), rest(clock, DRAIN_MS)]);
      ended.abort();
      if (events > 0) lose("log_unreachable", events);
    },
  };
}
