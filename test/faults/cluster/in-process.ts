import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { allInStep, leaderOfLog } from "../../support/cluster-leaders.ts";
import { judge } from "../judge.ts";
import { startLoad } from "../load.ts";
import { seededRandom } from "../random.ts";
import type { Report } from "../report.ts";
import { tellRefusals } from "./elections.ts";
import { onCluster, type ClusterHome } from "./home.ts";

export type InProcessPlan = {
  seed: number;
  rounds: number;
  sessions: number;
  perSecond: number;
  /** How long the leader is alone: longer than a gateway waits for an answer, and shorter than it tries. */
  aloneMs: number;
  calmMs: number;
};

/** How the broker says that an earlier try is still on its way between servers. */
const IN_PROCESS = "10158";

/** Both servers beside the log's leader are stopped, until a gateway tries again what the leader could not store yet (10158). */
export async function inProcess(plan: InProcessPlan, report: Report): Promise<void> {
  await onCluster(report, (home) => play(plan, home, report));
}

async function play(plan: InProcessPlan, home: ClusterHome, report: Report): Promise<void> {
  const load = startLoad({
    url: () => home.gateway.url(),
    random: seededRandom(plan.seed),
    writers: Array.from({ length: plan.sessions }, (_, i) => ({
      session: `process-${i}`,
      perSecond: plan.perSecond,
      async: i % 2 === 0,
    })),
  });
  await delay(plan.calmMs);
  for (let round = 0; round < plan.rounds; round++) {
    await allInStep(home.jsm);
    const leader = await leaderOfLog(home.jsm);
    const others = home.cluster.pids().filter((pid, server) => pid !== undefined && server !== leader);
    const over = home.trouble();
    for (const pid of others) process.kill(pid as number, "SIGSTOP");
    await delay(plan.aloneMs);
    for (const pid of others) process.kill(pid as number, "SIGCONT");
    await allInStep(home.jsm);
    over();
    await delay(plan.calmMs);
  }
  await load.stop();
  await judge(home, load, report);
  const lines = (await readFile(home.gatewayLog, "utf8"))
    .split("\n")
    .filter((line) => line.includes(IN_PROCESS));
  report.check(
    `${IN_PROCESS} was answered in ${plan.rounds} rounds`,
    lines.length > 0,
    `${lines.length} times`,
  );
  tellRefusals(load.refusals, report);
}
