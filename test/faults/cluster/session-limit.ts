import { setTimeout as delay } from "node:timers/promises";
import type { Report } from "../report.ts";
import { onCluster, type ClusterHome } from "./home.ts";

export type SessionLimitPlan = { limit: number; sent: number; perSecond: number; sessions: number };

/** What a relay says may be a moment old, so that the count is an estimate. */
const MOST_ABOVE = 3;

/** Relays that stand by say nothing of what waits: the limit of a session holds while the coordinator is away. */
export async function sessionLimit(plan: SessionLimitPlan, report: Report): Promise<void> {
  await onCluster(report, (home) => play(plan, home, report), {
    gatewayEnv: () => ({ RUNNER_RELAY_SESSION_MAX_EVENTS: String(plan.limit) }),
  });
}

async function play(
  plan: SessionLimitPlan,
  { coordinator, gateway }: ClusterHome,
  report: Report,
): Promise<void> {
  await coordinator.kill9();
  const taken = await Promise.all(
    Array.from({ length: plan.sessions }, async (_, i) => {
      let accepted = 0;
      for (let n = 0; n < plan.sent; n++) {
        const answer = await fetch(`${gateway.url()}/events`, {
          method: "POST",
          headers: { "content-type": "application/json", prefer: "respond-async" },
          body: JSON.stringify({ session_id: `limit-${i}`, event_type: "message" }),
        });
        await answer.arrayBuffer();
        if (answer.status === 202) accepted++;
        await delay(1000 / plan.perSecond);
      }
      return accepted;
    }),
  );
  const most = Math.max(...taken);
  report.check(
    `taken of ${plan.sent} events of a session with the limit ${plan.limit}`,
    most <= plan.limit + MOST_ABOVE && Math.min(...taken) >= plan.limit,
    `${[...new Set(taken)].join(", ")} in ${plan.sessions} sessions`,
  );
  await coordinator.start();
}
