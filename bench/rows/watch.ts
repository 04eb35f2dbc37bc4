import { randomBytes } from "node:crypto";
import { provisionSessions } from "../../src/shared/session-log/provision.ts";
import { startPeer, type Peer } from "../peer.ts";
import type { WatchJob, WatchRun } from "../peers/watchers.ts";
import { startLog, startServe, type Product } from "../product.ts";
import { median } from "../rounds.ts";
import type { Lab, Row } from "../row.ts";
import { cpuPerEvent, residentBytes } from "../usage.ts";

const KIB = 1024;
const SESSIONS = 100;
/** Of each session. */
const WATCHERS = 10;
const CROWD = 5000;
const REPLAYED = 10_000;

type Watchers = Peer<WatchJob, WatchRun>;

/** Events of sessions on their way to those who watch: how long one takes, how much a watcher costs, how soon one that comes back has everything. */
export const watch: Row = {
  name: "watch",
  async run({ quick, profile, report }) {
    await using broker = await startLog(true);
    await provisionSessions(await broker.connect("admin"), { replicas: 1, isNew: true });
    const key = randomBytes(16).toString("hex");
    await using serve = await startServe(broker, key, profile);
    const logins = (["serve", "worker"] as const).map((role) => JSON.stringify(broker.access(role)));
    const of = [serve.url, key, "default", ...logins];
    await using watchers = await startPeer<WatchJob, WatchRun>("watchers", of);
    await returning(watchers, { quick, report });
    await watchers.ask({ kind: "prepare", sessions: SESSIONS, events: 0 });
    await delivery(watchers, { serve: serve.pid, broker: broker.pid() }, { quick, report });
    await crowd(watchers, serve, { report });
  },
};

async function returning(
  watchers: Watchers,
  { quick, report }: Pick<Lab, "quick" | "report">,
): Promise<void> {
  await watchers.ask({ kind: "prepare", sessions: 1, events: REPLAYED });
  await watchers.ask({ kind: "return" }); // warm
  const samples: number[] = [];
  for (let i = 0; i < (quick ? 5 : 15); i++) {
    const { events, p50 } = await watchers.ask({ kind: "return" });
    if (events < REPLAYED) throw new Error(`a watcher got ${events} events`);
    samples.push(p50);
  }
  report({
    row: "watch",
    what: "10,000 events to a watcher that comes back",
    value: median(samples),
    unit: "ms",
    budget: { bound: 1500, stretch: 500, better: "less" },
    detail: `${Math.round(Math.min(...samples))} to ${Math.round(Math.max(...samples))} ms`,
    samples,
  });
}

async function delivery(
  watchers: Watchers,
  pids: Record<string, number>,
  { quick, report }: Pick<Lab, "quick" | "report">,
): Promise<void> {
  await watchers.ask({ kind: "crowd", watchers: SESSIONS * WATCHERS });
  await watchers.ask({ kind: "live", perSecond: 5, seconds: 5 }); // warm
  const rounds: { result: WatchRun; cpu: Record<string, number> }[] = [];
  for (let i = 0; i < 3; i++) {
    const round = (): Promise<WatchRun> =>
      watchers.ask({ kind: "live", perSecond: 5, seconds: quick ? 5 : 20 });
    rounds.push(await cpuPerEvent(pids, round, ({ events }) => events));
  }
  const runs = rounds.map(({ result }) => result);
  const budgets = [
    { share: "p50", pick: ({ p50 }: WatchRun) => p50, bound: 2, stretch: 1 },
    { share: "p99", pick: ({ p99 }: WatchRun) => p99, bound: 25, stretch: 10 },
  ] as const;
  for (const { share, pick, bound, stretch } of budgets) {
    const samples = runs.map(pick);
    report({
      row: "watch",
      what: `append to the watcher's socket, 500 events/s × 10, ${share}`,
      value: median(samples),
      unit: "ms",
      budget: { bound, stretch, better: "less" },
      detail: `${runs.reduce((sum, { events }) => sum + events, 0)} deliveries in 3 rounds`,
      samples,
      cpu: rounds[0]?.cpu ?? {},
    });
  }
}

async function crowd(watchers: Watchers, { pid }: Product, { report }: Pick<Lab, "report">): Promise<void> {
  await watchers.ask({ kind: "crowd", watchers: 0 });
  const before = (await residentBytes(pid)) ?? NaN;
  await watchers.ask({ kind: "crowd", watchers: CROWD });
  const after = (await residentBytes(pid)) ?? NaN;
  const value = (after - before) / CROWD / KIB;
  report({
    row: "watch",
    what: `memory of a watcher, ${CROWD.toLocaleString("en")} of them`,
    value,
    unit: "KiB",
    budget: { bound: 80, better: "less" },
    detail: `${Math.round(before / KIB / KIB)} MB before, ${Math.round(after / KIB / KIB)} MB with them`,
    samples: [value],
  });
}
