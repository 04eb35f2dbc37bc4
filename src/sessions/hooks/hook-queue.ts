import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { rest } from "../../shared/base/rest.ts";
import type { Caller, Refusal } from "../access/caller.ts";
import { isRefusal } from "../access/caller.ts";
import type { HookAgent, HookEvent } from "./hook-event.ts";

/** What waits: minutes of a busy agent, while the broker restarts. */
const MOST_EVENTS = 10_000;
/** Their bytes. A server may use 90 MB. */
const MOST_BYTES: number = 16 * 1024 * 1024;
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
 * Events of hooks, in memory until the log has them, because an agent must not wait for a log. They are stored in their order. What is lost with this process, or for
 * want of room, is at most what waits here.
 */
export function createHookQueue(deps: { record: Record; clock: Clock; log: Logger }): HookQueue {
  const { record, clock, log } = deps;
  const ended = new AbortController();
  let queue: Waiting[] = [];
  const counts = { lost: 0, waiting: () => queue.length };
  let bytes = 0;
  let working: Promise<void> | undefined;
  let complainedAt = -Infinity;

  function lose(code: string, events = 1): void {
    counts.lost += events;
    if (clock.now() - complainedAt < COMPLAIN_MS) return;
    complainedAt = clock.now();
    log.error({ code, lost: counts.lost }, "events of hooks were lost");
  }

  async function work(): Promise<void> {
    for (let first = queue[0]; first !== undefined; first = queue[0]) {
      const outcome = await record(first).catch((error: unknown) => {
        log.error({ err: error }, "an event of a hook cannot be stored");
        return undefined;
      });
      if (outcome !== undefined && isRefusal(outcome) && LATER.has(outcome.code)) {
        await rest(clock, AGAIN_MS, ended.signal);
        if (ended.signal.aborted) return;
        continue;
      }
      queue.shift();
      bytes -= first.event.data.length;
      if (outcome === undefined || isRefusal(outcome)) lose(outcome?.code ?? "internal");
    }
  }

  return {
    counts,
    add(it) {
      const { length } = it.event.data;
      if (queue.length >= MOST_EVENTS || bytes + length > MOST_BYTES) {
        lose("sessions_full");
        return false;
      }
      queue.push(it);
      bytes += length;
      working ??= work().finally(() => (working = undefined));
      return true;
    },
    async close() {
      await Promise.race([working, rest(clock, DRAIN_MS)]);
      ended.abort();
      if (queue.length > 0) lose("log_unreachable", queue.length);
      queue = [];
    },
  };
}
