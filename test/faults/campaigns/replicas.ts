import { findNginx } from "../../support/nginx.ts";
import { startReplicas } from "../replicas/home.ts";
import { roll, type RollPlan } from "../replicas/roll.ts";
import { ms, quantile, type Report } from "../report.ts";

/** Most that a watcher may be without a stream. */
const BACK_MS = 2000;

/** Two servers behind nginx, restarted one after the other: no turn is interrupted, and nobody misses anything (WATCH-1, TURN-1). */
export async function replicas(plan: RollPlan & { everyMs: number }, report: Report): Promise<void> {
  const nginx = await findNginx();
  if ("missing" in nginx) return report.check("nginx", false, nginx.missing);
  await using home = await startReplicas(nginx.path, { servers: 2, workers: 1, ...plan });
  const found = await roll(home, plan);
  const { gapsMs, refused, wrong } = found;
  const slowest = Math.max(...gapsMs);
  report.note("restarts, streams that were followed by another", `${found.restarts}, ${gapsMs.length}`);
  const away = home.servers.flatMap((it) => it.downtimes); // tells how busy the machine is
  report.note("a server is away", `p50 ${ms(quantile(away, 0.5))}, at most ${ms(Math.max(...away))}`);
  report.note("attempts that were refused", [refused.length, ...new Set(refused)].slice(0, 4).join("; "));
  report.check("turns under way at the last restart", found.running === plan.turns, `${found.running}`);
  report.check("events that watchers got", found.events > 0, String(found.events));
  report.check(
    "missed, repeated, out of order, interrupted",
    wrong.length === 0,
    wrong.slice(0, 5).join("; ") || "0",
  );
  report.check(
    "without a stream",
    gapsMs.length >= plan.turns * plan.watchers && slowest <= BACK_MS,
    `p50 ${ms(quantile(gapsMs, 0.5))}, p99 ${ms(quantile(gapsMs, 0.99))}, at most ${ms(slowest)}`,
  );
  report.check(
    `streams that ended in ${plan.quietMs / 1000} quiet s`,
    found.brokenInQuiet === 0,
    String(found.brokenInQuiet),
  );
  const ends = home.servers.flatMap((it) => it.surprises).filter((it) => it !== "exit 0");
  report.check("servers ended in order", ends.length === 0, ends.join(", ") || "all");
  report.note("nginx", `${home.nginx.errors().split("\n").length - 1} lines in its log`);
}
