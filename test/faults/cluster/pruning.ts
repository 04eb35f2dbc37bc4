import { setTimeout as delay } from "node:timers/promises";
import { EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { allInStep, leaderOfLog } from "../../support/cluster-leaders.ts";
import { judge } from "../judge.ts";
import { startLoad } from "../load.ts";
import { pruneAll, startPruner } from "../pruner.ts";
import { seededRandom } from "../random.ts";
import type { Report } from "../report.ts";
import { onCluster, type ClusterHome } from "./home.ts";

export type PruningPlan = {
  seed: number;
  rounds: number;
  sessions: number;
  perSecond: number;
  /** How long a server is stopped: it catches up afterwards, and answers questions meanwhile. */
  behindMs: number;
  calmMs: number;
};

/** A log that is pruned all the time, while sessions are held, and copies fall behind and catch up (SETTLE-1). */
export async function pruning(plan: PruningPlan, report: Report): Promise<void> {
  await onCluster(report, (home) => play(plan, home, report));
}

async function play(plan: PruningPlan, home: ClusterHome, report: Report): Promise<void> {
  const { cluster, jsm, gateway, relays } = home;
  const random = seededRandom(plan.seed);
  const sessions = Array.from({ length: plan.sessions }, (_, i) => `pruning-${i}`);
  const load = startLoad({
    url: () => gateway.url(),
    random,
    writers: sessions.map((session, i) => ({ session, perSecond: plan.perSecond, async: i % 2 === 0 })),
  });
  const user = await cluster.connect("prune");
  const operator = await cluster.connect("operator");
  const pruner = startPruner(
    { prune: user, operator },
    { retentionMs: 500, everyMs: 100, sessions, pausedMs: 1500, random },
  );
  await delay(plan.calmMs);
  for (let round = 0; round < plan.rounds; round++) {
    const leader = await leaderOfLog(jsm);
    const server = round % 3 === 2 ? leader : (leader + 1 + Math.floor(random.next() * 2)) % 3;
    const over = home.trouble();
    const pid = cluster.pids()[server] as number;
    process.kill(pid, "SIGSTOP");
    await delay(plan.behindMs);
    process.kill(pid, "SIGCONT");
    await allInStep(jsm);
    over();
    await delay(plan.calmMs);
  }
  await load.stop();
  await pruner.stop(report);
  await judge(home, load, report);
  report.note("servers stopped", `${plan.rounds} times for ${plan.behindMs / 1000} s`);
  const ends = relays.flatMap((it) => it.surprises);
  report.check("relays that ended by themselves", ends.length === 0, ends.join(", ") || "0");
  await pruneAll(user, async () => (await jsm.streams.info(EVENTS_STREAM)).state.messages, report);
}
