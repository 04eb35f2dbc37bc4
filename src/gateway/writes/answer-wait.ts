import type { Clock } from "../../shared/base/clock.ts";
import type { BacklogLimits } from "./backlog-limits.ts";
import type { Relays } from "./relays.ts";
import type { WriteCall } from "./write-call.ts";
import type { WriteCounts } from "./write-counts.ts";

/**
 * How long a write's executor waits for the coordinator's answer, milliseconds; undefined: not at all (docs/contract.md, "The answer"). Notes in the call
 * what was applied of its preferences.
 */
export function answerWaitOf(
  call: WriteCall,
  session: string,
  shard: number,
  deps: {
    answerWaitMs: number;
    relays: Relays;
    backlog: Pick<BacklogLimits, "waits">;
    counts: WriteCounts;
    clock: Clock;
  },
): number | undefined {
  const { prefer } = call;
  const waitMs = prefer.waitMs ?? (prefer.async ? 0 : deps.answerWaitMs);
  if (prefer.async && prefer.waitMs === undefined) call.applied = "respond-async";
  if (waitMs === 0) {
    if (prefer.waitMs === 0) call.applied = "wait=0";
    return undefined;
  }
  const now = deps.clock.now();
  const reason =
    deps.relays.noWait(shard, session, now) ?? (deps.backlog.waits(session, shard) ? "backlog" : undefined);
  if (reason !== undefined) {
    deps.counts.notWaited[reason]++;
    return undefined;
  }
  if (prefer.waitMs !== undefined) call.applied = `wait=${prefer.waitMs / 1000}`;
  return Math.max(1, waitMs - (now - call.startedAt));
}
