import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { provisionSessions } from "../../src/shared/session-log/provision.ts";
import { startPeer, type Peer } from "../peer.ts";
import type { TurnsJob, TurnsRun } from "../peers/turns.ts";
import { startLog, startServe, startWorker, type Product } from "../product.ts";
import { median } from "../rounds.ts";
import type { Lab, Row } from "../row.ts";
import { cpuMs, residentBytes } from "../usage.ts";

const MIB = 1024 * 1024;
/** After this long a new process has settled. */
const SETTLED_MS = 5000;
const SESSIONS = 20;
const DELTAS_A_SECOND = 75;

type Turns = Peer<TurnsJob, TurnsRun>;
type Pids = Record<"serve" | "worker" | "broker", number>;

/** Turns of sessions: what server and worker take before there are any, how soon one is accepted, and what many talking agents cost. */
export const turns: Row = {
  name: "turns",
  async run({ quick, profile, report }) {
    await using broker = await startLog(true);
    await provisionSessions(await broker.connect("admin"), { replicas: 1, isNew: true });
    const key = randomBytes(16).toString("hex");
    const dataDir = await mkdtemp(join(tmpdir(), "rr-bench-"));
    await using peer: Turns = await startPeer<TurnsJob, TurnsRun>("turns", [key]);
    const agent = { dataDir, agentUrl: peer.url };
    // once before, so that their code is compiled
    await (await startServe(broker, key, profile))[Symbol.asyncDispose]();
    await (await startWorker(broker, agent, profile))[Symbol.asyncDispose]();
    await using serve = await startServe(broker, key, profile);
    await using worker = await startWorker(broker, agent, profile);
    await atRest({ serve, worker }, report);
    await peer.ask({ kind: "open", url: serve.url, sessions: SESSIONS });
    await accepted(peer, { quick, report });
    await deltas(peer, { serve: serve.pid, worker: worker.pid, broker: broker.pid() }, { quick, report });
    await rm(dataDir, { recursive: true, force: true });
  },
};

async function atRest(processes: Record<string, Product>, report: Lab["report"]): Promise<void> {
  await delay(SETTLED_MS);
  for (const [name, { pid }] of Object.entries(processes)) {
    const value = ((await residentBytes(pid)) ?? NaN) / MIB;
    report({
      row: "turns",
      what: `memory at rest, ${name}`,
      value,
      unit: "MB",
      budget: { bound: 90, stretch: 70, better: "less" },
      detail: `${SETTLED_MS / 1000} s after its start`,
      samples: [value],
    });
  }
}

async function accepted(peer: Turns, { quick, report }: Pick<Lab, "quick" | "report">): Promise<void> {
  await peer.ask({ kind: "accept", turns: 100, pauseMs: 20 }); // warm
  const runs: TurnsRun[] = [];
  for (let i = 0; i < 3; i++)
    runs.push(await peer.ask({ kind: "accept", turns: quick ? 50 : 200, pauseMs: 50 }));
  report({
    row: "turns",
    what: "turn accepted (fsync), 20 turns/s, p50",
    value: median(runs.map(({ p50 }) => p50)),
    unit: "ms",
    budget: { bound: 3, stretch: 1.5, better: "less" },
    detail: `p99 ${runs.map(({ p99 }) => p99.toFixed(1)).join(", ")} ms`,
    samples: runs.map(({ p50 }) => p50),
  });
}

async function deltas(
  peer: Turns,
  pids: Pids,
  { quick, report }: Pick<Lab, "quick" | "report">,
): Promise<void> {
  const seconds = quick ? 5 : 20;
  const runs: (TurnsRun & { shares: Record<string, number> })[] = [];
  for (let i = 0; i < 3; i++) {
    const from = performance.now();
    const before = await Promise.all(Object.values(pids).map(cpuMs));
    const run = await peer.ask({ kind: "deltas", perSecond: DELTAS_A_SECOND, seconds });
    const after = await Promise.all(Object.values(pids).map(cpuMs));
    const took = performance.now() - from;
    const share = (j: number): number => (((after[j] ?? NaN) - (before[j] ?? NaN)) / took) * 100;
    const shares = Object.fromEntries(Object.keys(pids).map((name, j) => [name, share(j)]));
    runs.push({ ...run, shares });
  }
  const of = `${SESSIONS} sessions × ${DELTAS_A_SECOND} deltas/s`;
  const late = runs.map(({ p99 }) => p99);
  report({
    row: "turns",
    what: `${of}, to the watcher, p99`,
    value: median(late),
    unit: "ms",
    budget: { bound: 80, better: "less" },
    detail: `p50 ${runs.map(({ p50 }) => p50.toFixed(0)).join(", ")} ms, of which up to 50 are waited for more`,
    samples: late,
  });
  const brokers = runs.map(({ shares }) => shares["broker"] ?? NaN);
  const others = ["serve", "worker"].map((name) => {
    const samples = runs.map(({ shares }) => shares[name] ?? NaN);
    return `${name} ${median(samples).toFixed(0)} %`;
  });
  report({
    row: "turns",
    what: `${of}, broker, of a core`,
    value: median(brokers),
    unit: "%",
    budget: { bound: 10, better: "less" },
    detail: others.join(", "),
    samples: brokers,
  });
}
