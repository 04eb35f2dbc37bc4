import type { Figure } from "../figure.ts";
import { startPeer, type Peer } from "../peer.ts";
import type { Job, Run } from "../peers/client.ts";
import { startGateway, startLog, startRelay, startStandIn, type Product } from "../product.ts";
import { startPythonProxy } from "../python-proxy.ts";
import { interleaved, median } from "../rounds.ts";
import type { Lab, Row } from "../row.ts";
import { cpuPerEvent } from "../usage.ts";

/** Budgets of docs/performance.md, "Figures". `p50`: milliseconds until the coordinator's answer. */
const KEPT = [
  { connections: 1, p50: { bound: 0.9, stretch: 0.7 } },
  { connections: 16, rate: { bound: 0.22, stretch: 0.4 }, p50: { bound: 2.8, stretch: 1.5 } },
  { connections: 64, rate: { bound: 0.36, stretch: 0.5 }, cpu: { bound: 140, stretch: 100 } },
  { connections: 256, rate: { bound: 0.65, stretch: 0.8 } },
];
const FRESH_CONNECTIONS = 64;

type Site = { client: Peer<Job, Run>; gateway: Product; standIn: Product; pids: Record<string, number> };
type Round = { a: { result: Run; cpu: Record<string, number> }; b: Run };

let run = 0;

/** The whole healthy path: an executor's request, its sync, the relay, the coordinator, and the coordinator's own answer. */
export const path: Row = {
  name: "path",
  async run({ quick, profile, report }) {
    await using standIn = await startStandIn();
    await using proxy = await startPeer("proxy", [standIn.url]);
    await using client = await startPeer<Job, Run>("client");
    await using broker = await startLog(true);
    await using relay = await startRelay(broker, standIn.url, profile);
    await using gateway = await startGateway(broker, profile);
    const pids = { gateway: gateway.pid, broker: broker.pid(), relay: relay.pid };
    const site = { client, gateway, standIn, pids };
    for (const load of KEPT) await kept(site, proxy.url, load, { quick, report });
    await fresh(site, { quick, report });
  },
};

function ask(
  { client }: Site,
  url: string,
  { fresh, ...of }: { connections: number; seconds: number; fresh?: true },
): Promise<Run> {
  return client.ask({ kind: fresh ? "fresh" : "load", url, sessions: `path-${run++}`, ...of });
}

async function kept(
  site: Site,
  proxyUrl: string,
  { connections, rate, p50, cpu }: (typeof KEPT)[number],
  { quick, report }: Pick<Lab, "quick" | "report">,
): Promise<void> {
  const of = { connections, seconds: quick ? 2 : 4 };
  for (const url of [site.gateway.url, proxyUrl]) await ask(site, url, { ...of, seconds: 1 }); // warm
  const rounds = await interleaved(
    quick ? 3 : 6,
    () =>
      cpuPerEvent(
        site.pids,
        () => ask(site, site.gateway.url, of),
        ({ requests }) => requests,
      ),
    () => ask(site, proxyUrl, of),
  );
  const what = `${connections} connection${connections === 1 ? "" : "s"}`;
  const ours = rounds.map(({ a }) => a.result);
  report(rateOf(what, rounds, rate));
  if (p50 !== undefined)
    report({
      row: "path",
      what: `${what}, p50`,
      value: median(ours.map((it) => it.p50)),
      unit: "ms",
      budget: { ...p50, better: "less" },
      detail: times(ours),
      samples: ours.map((it) => it.p50),
    });
  report({
    ...cpuOf(what, rounds, cpu),
    point: { plot: "path-cpu", series: "all processes", x: connections },
  });
}

type Bounds = { bound: number; stretch: number };

function rateOf(what: string, rounds: Round[], budget?: Bounds): Figure {
  const samples = rounds.map(({ a, b }) => a.result.rate / b.rate);
  return {
    row: "path",
    what: `${what}, against a plain proxy`,
    value: median(samples),
    unit: "x",
    ...(budget === undefined ? {} : { budget: { ...budget, better: "more" } }),
    detail: `${perSecond(rounds.map(({ a }) => a.result))} (${times(rounds.map(({ a }) => a.result))}), proxy ${perSecond(rounds.map(({ b }) => b))} (${times(rounds.map(({ b }) => b))})`,
    samples,
  };
}

function cpuOf(what: string, rounds: Round[], budget?: Bounds): Figure {
  const samples = rounds.map(({ a }) => Object.values(a.cpu).reduce((sum, us) => sum + us, 0));
  return {
    row: "path",
    what: `${what}, processor time per event, all processes`,
    value: median(samples),
    unit: "us",
    ...(budget === undefined ? {} : { budget: { ...budget, better: "less" } }),
    detail: "",
    samples,
    cpu: mediansOf(rounds.map(({ a }) => a.cpu)),
  };
}

/** The median of each process. */
function mediansOf(rounds: readonly Record<string, number>[]): Record<string, number> {
  const names = Object.keys(rounds[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(rounds.map((round) => round[name] ?? NaN))]));
}

/** Each request on a connection of its own, as executors do that are started for one call. */
async function fresh(site: Site, { quick, report }: Pick<Lab, "quick" | "report">): Promise<void> {
  await using python = await startPythonProxy(site.standIn.url);
  if (python === undefined) throw new Error("there is no python3 to compare with");
  const of = { connections: FRESH_CONNECTIONS, seconds: quick ? 3 : 6, fresh: true } as const;
  const rounds = await interleaved(
    quick ? 3 : 6,
    () =>
      cpuPerEvent(
        site.pids,
        () => ask(site, site.gateway.url, of),
        ({ requests }) => requests,
      ),
    () => ask(site, python.url, of),
  );
  const what = `a new connection each, ${FRESH_CONNECTIONS} at once`;
  const [ours, theirs] = [rounds.map(({ a }) => a.result), rounds.map(({ b }) => b)];
  const detail = `${perSecond(ours)} (${times(ours)}), Python ${perSecond(theirs)} (${times(theirs)}; ${theirs.map(({ errors }) => errors).join(", ")} errors)`;
  const rates = rounds.map(({ a, b }) => a.result.rate / b.rate);
  const late = rounds.map(({ a, b }) => b.p99 / a.result.p99);
  report({
    row: "path",
    what: `${what}, against a Python proxy`,
    value: median(rates),
    unit: "x",
    budget: { bound: 4, stretch: 8, better: "more" },
    detail,
    samples: rates,
  });
  report({
    row: "path",
    what: `${what}, the Python proxy's p99 by ours`,
    value: median(late),
    unit: "x",
    budget: { bound: 20, stretch: 40, better: "more" },
    detail: "",
    samples: late,
  });
  report(cpuOf(what, rounds));
}

function perSecond(runs: Run[]): string {
  return `${Math.round(median(runs.map(({ rate }) => rate))).toLocaleString("en")}/s`;
}

function times(runs: Run[]): string {
  const at = (pick: (run: Run) => number | undefined): string =>
    median(runs.map((it) => pick(it) ?? NaN)).toFixed(2);
  return `p50 ${at(({ p50 }) => p50)}, p99 ${at(({ p99 }) => p99)}, p99.9 ${at(({ p999 }) => p999)} ms`;
}
