import { setTimeout as delay } from "node:timers/promises";
import { keepSweeping } from "../../../src/cli/up/housekeeping.ts";
import { openSessions } from "../../../src/client/sessions/index.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import { findNginx } from "../../support/nginx.ts";
import { restart, startReplicas, type ReplicasHome } from "../replicas/home.ts";
import { firstChildOf, watchProcesses } from "../replicas/watched-process.ts";
import type { Report } from "../report.ts";
import { reportSessions, startSessionsLoad, type SessionsPlan } from "../sessions-load.ts";

export type SessionsSoakPlan = SessionsPlan & {
  minutes: number;
  /** Events of a turn, and the pause behind each. */
  events: number;
  everyMs: number;
  /** Pause between two restarts. */
  restartMs: number;
};

/** What stays: limits of what is deleted are not what is tried here. */
const LIMITS = { maxAge: 24 * 3_600_000, maxBytes: 64 * 1024 ** 2 };

/**
 * Turns, watchers and restarts for a long time: memory and descriptors stay where they are in every process that is not restarted, and nobody misses anything (BOUND-1,
 * WATCH-1, TURN-1).
 */
export async function sessionsSoak(plan: SessionsSoakPlan, report: Report): Promise<void> {
  const nginx = await findNginx();
  if ("missing" in nginx) return report.check("nginx", false, nginx.missing);
  await using scope = new AsyncDisposableStack();
  const home = scope.use(await startReplicas(nginx.path, { servers: 2, workers: 2, ...plan }));
  scope.defer(
    keepSweeping({
      access: home.broker.access("session-prune"),
      limits: LIMITS,
      clock: systemClock,
      log: silentLogger(),
    }),
  );
  const client = scope.use(openSessions({ url: home.url, key: home.key }));
  const nginxWorker = await firstChildOf(home.nginx.pid);
  const pidOf = (it: { pid(): number | undefined } | undefined) => () => it?.pid() ?? 0;
  const processes = watchProcesses([
    { name: "serve", pid: pidOf(home.servers[0]), ours: true },
    { name: "worker", pid: pidOf(home.workers[0]), ours: true },
    { name: "nats-server", pid: home.broker.pid, ours: false },
    { name: "nginx", pid: () => nginxWorker, ours: false },
  ]);
  const load = await startSessionsLoad(client, home, plan);
  const restarts = await Promise.race([restartAgain(home, plan), load.broken]);
  const done = await load.stop({ url: home.servers[0]?.url() ?? "", key: home.key });
  processes.judge(report);
  report.note("restarts of another server and worker", String(restarts));
  reportSessions(done, report);
}

/** One server and one worker are restarted in turn; the others stay. Returns how often. */
async function restartAgain({ servers, workers }: ReplicasHome, plan: SessionsSoakPlan): Promise<number> {
  let restarts = 0;
  for (const end = performance.now() + plan.minutes * 60_000; performance.now() < end; restarts++) {
    await delay(plan.restartMs);
    const victim = restarts % 3 === 2 ? workers[1] : servers[1];
    if (victim !== undefined) await restart(victim);
  }
  return restarts;
}
