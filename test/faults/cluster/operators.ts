import { setTimeout as delay } from "node:timers/promises";
import { allInStep } from "../../support/cluster-leaders.ts";
import { startCluster, type Cluster } from "../../support/cluster.ts";
import { runCommand } from "../../support/command.ts";
import { ms, type Report } from "../report.ts";
import { loginEnv, onCluster, type ClusterHome } from "./home.ts";

type CheckLine = { level: string; check: string; text: string; todo?: string };

const NOTICED_MS = 20_000;
const FORMED_MS = 60_000;

/** What operators are told of servers that are dead, and of a cluster that forms. */
export async function operators(report: Report): Promise<void> {
  await provisionWhileForming(report);
  await onCluster(report, (home) => play(home, report));
}

async function play({ cluster, jsm }: ClusterHome, report: Report): Promise<void> {
  await allInStep(jsm);
  const well = await ofLog(cluster);
  report.check("doctor, all servers run", well?.level === "ok", shown(well));
  await cluster.crash(2);
  const one = await eventuallyOfLog(
    cluster,
    (line) => line.level === "warn" && line.text.includes("n2 silent"),
  );
  report.check("doctor, one of three is dead", one.held, shown(one.line));
  const status = await operatorSays(cluster, "status");
  const servers = /servers\s+(.+)/.exec(status)?.[1] ?? "no line";
  report.check("status, one of three is dead", servers.includes("n2 silent"), servers);
  await cluster.crash(1);
  const two = await eventuallyOfLog(cluster, (line) => line.level === "fail");
  const advice = await operatorSays(cluster, "doctor");
  report.check("doctor, two of three are dead", two.held, shown(two.line));
  report.check(
    "nothing is to be deleted",
    !/delete (it|the)/.test(advice) && advice.includes("Delete nothing"),
    "",
  );
  await Promise.all([cluster.start(1), cluster.start(2)]);
}

/** How often `provision` must be asked at servers that just met, and what it says until then. */
async function provisionWhileForming(report: Report): Promise<void> {
  await using cluster = await startCluster();
  const said = new Set<string>();
  const from = performance.now();
  for (;;) {
    const env = loginEnv(cluster.access("admin"));
    const done = await runCommand(["provision", "--replicas", "3", "--log-bytes", "256MiB"], { env });
    if (done.code === 0 || performance.now() - from > FORMED_MS) break;
    said.add(/\w+_\w+/.exec(done.stderr)?.[0] ?? done.stderr.slice(0, 100));
    await delay(100);
  }
  const reasons = [...said];
  report.check(
    "provision while the cluster forms",
    reasons.every((code) => code === "log_unreachable"),
    `${reasons.join(", ") || "made at once"}; made after ${ms(performance.now() - from)}`,
  );
}

async function operatorSays(cluster: Cluster, ...args: string[]): Promise<string> {
  const { stdout, stderr } = await runCommand(args, { env: loginEnv(cluster.access("operator")) });
  return stdout + stderr;
}

/** Doctor's line for the log. */
async function ofLog(cluster: Cluster): Promise<CheckLine | undefined> {
  const lines = JSON.parse(await operatorSays(cluster, "doctor", "--json")) as CheckLine[];
  return (
    lines.find(({ check }) => check === "stream RR_EVENTS") ?? lines.find(({ level }) => level === "fail")
  );
}

async function eventuallyOfLog(
  cluster: Cluster,
  holds: (line: CheckLine) => boolean,
): Promise<{ held: boolean; line: CheckLine | undefined }> {
  for (const end = performance.now() + NOTICED_MS; ; await delay(500)) {
    const line = await ofLog(cluster);
    const held = line !== undefined && holds(line);
    if (held || performance.now() > end) return { held, line };
  }
}

function shown(line: CheckLine | undefined): string {
  return line === undefined
    ? "no line"
    : `${line.level}: ${line.text}${line.todo === undefined ? "" : ` → ${line.todo}`}`;
}
