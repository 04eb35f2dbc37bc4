import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { spawnCoordinator } from "../../support/coordinator.ts";
import { startLeaves } from "../../support/leaves.ts";
import { addLog, startRelayOfAll } from "../leaf/home.ts";
import type { Report } from "../report.ts";
import type { Service } from "../service.ts";

export type LogsOptions = {
  /** How many logs the process serves, one measurement each. */
  counts: readonly number[];
  /** How long it rests before it is measured, and how long its processor time is counted. */
  restMs: number;
};

/** Of a log, beyond the first: a process for each takes some 117 MB. */
const MOST_MB_OF_LOG = 8;
const LOG_BYTES = 32 * 1024 ** 2;
/** Ticks of `/proc/<pid>/stat` in a second, on Linux. */
const TICKS = 100;

/** One relay process that serves several logs at rest: what each costs in memory and processor time (docs/scaling.md). */
export async function logs(options: LogsOptions, report: Report): Promise<void> {
  await using scope = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "rr-logs-"));
  scope.defer(() => rm(dir, { recursive: true, force: true }));
  const coordinator = scope.use(await spawnCoordinator());
  const leaves = scope.use(await startLeaves(Math.max(...options.counts)));
  for (const host of leaves.hosts)
    await provision(await host.connect("host", "admin"), { logBytes: LOG_BYTES });
  let first: { count: number; mb: number } | undefined;
  for (const count of options.counts) {
    const folder = join(dir, `logs-${count}`);
    for (const host of leaves.hosts.slice(0, count)) await addLog(folder, host);
    await using relay = await startRelayOfAll(folder, coordinator.url, dir, []);
    await allUp(relay, count);
    await delay(options.restMs);
    const before = await ticksOf(relay);
    await delay(options.restMs);
    const share = ((await ticksOf(relay)) - before) / TICKS / (options.restMs / 1000);
    const mb = await residentOf(relay);
    first ??= { count, mb };
    const each = count === first.count ? 0 : (mb - first.mb) / (count - first.count);
    report.check(
      `${count} logs at rest`,
      each <= MOST_MB_OF_LOG,
      `${mb.toFixed(0)} MB, ${each.toFixed(1)} MB for each more (at most ${MOST_MB_OF_LOG}), ${(share * 100).toFixed(1)} % of a core`,
    );
  }
}

async function allUp(relay: Service, count: number): Promise<void> {
  for (;;) {
    const answer = (await (await fetch(new URL("/ready", relay.url()))).json()) as {
      logs: Record<string, { state: string }>;
    };
    if (Object.values(answer.logs).filter(({ state }) => state === "up").length === count) return;
    await delay(100);
  }
}

async function residentOf(relay: Service): Promise<number> {
  const status = await readFile(`/proc/${relay.pid()}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

async function ticksOf(relay: Service): Promise<number> {
  const stat = await readFile(`/proc/${relay.pid()}/stat`, "utf8");
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return Number(user) + Number(system);
}
