import type { Figure } from "../figure.ts";
import { startPeer, type Peer } from "../peer.ts";
import type { Job, Run } from "../peers/client.ts";
import { startGateway, startLog, type Product } from "../product.ts";
import { interleaved, median } from "../rounds.ts";
import type { Row } from "../row.ts";
import { cpuPerEvent } from "../usage.ts";

const BUDGETS = [
  { sync: true, connections: 64, bound: 0.3, stretch: 0.45 },
  { sync: true, connections: 256, bound: 0.45, stretch: 0.7 },
  { sync: false, connections: 64, bound: 0.6, stretch: 0.75 },
  { sync: false, connections: 256, bound: 0.65, stretch: 0.85 },
];
/** Added milliseconds to the 202, with and without a sync per write. */
const ADDED = { always: { bound: 1.3, stretch: 0.8 }, never: { bound: 0.3, stretch: 0.15 } };

let run = 0;
/** Sessions nobody wrote to before: no round meets the limits of an earlier one. */
const freshSessions = (): string => `bench-${run++}`;

/**
 * Gateway and broker against a bare echo. No relay runs, so every answer is the 202 that follows the broker's ack.
 */
export const ingest: Row = {
  name: "ingest",
  async run({ quick, profile, report }) {
    await using echo = await startPeer("echo");
    await using client = await startPeer<Job, Run>("client");
    for (const sync of [true, false]) {
      await using broker = await startLog(sync);
      await using gateway = await startGateway(broker, profile);
      const pids = { gateway: gateway.pid, broker: broker.pid() };
      await warmUp(client, [gateway.url, echo.url]);
      for (const { connections, ...budget } of BUDGETS.filter((row) => row.sync === sync)) {
        const load = (url: string): Promise<Run> =>
          client.ask({ kind: "load", url, connections, seconds: quick ? 1.2 : 4, sessions: freshSessions() });
        const rounds = await interleaved(
          quick ? 4 : 8,
          () => cpuPerEvent(pids, () => load(gateway.url), requestsOf),
          () => load(echo.url),
        );
        report({
          row: "ingest",
          what: `${sync ? "fsync" : "no fsync"}, ${connections} connections, against a bare echo`,
          unit: "x",
          ...ratio(rounds.map(({ a, b }) => ({ ours: a.result.rate, limit: b.rate }))),
          budget: { bound: budget.bound, stretch: budget.stretch, better: "more" },
          cpu: rounds.at(-1)?.a.cpu ?? {},
        });
      }
      report(await addedTime({ quick, sync, client, gateway, echo }));
    }
  },
};

async function addedTime(deps: {
  quick: boolean;
  sync: boolean;
  client: Peer<Job, Run>;
  gateway: Product;
  echo: Peer<never, never>;
}): Promise<Figure> {
  const { client, sync, quick } = deps;
  const sequence = (url: string): Promise<Run> =>
    client.ask({ kind: "sequence", url, requests: quick ? 500 : 2000, sessions: freshSessions() });
  const rounds = await interleaved(
    quick ? 4 : 8,
    () => sequence(deps.gateway.url),
    () => sequence(deps.echo.url),
  );
  const samples = rounds.map(({ a, b }) => a.p50 - b.p50);
  return {
    row: "one connection",
    what: `${sync ? "fsync" : "no fsync"}, added to the async answer, p50`,
    value: median(samples),
    unit: "ms",
    budget: { ...(sync ? ADDED.always : ADDED.never), better: "less" },
    detail: `${median(rounds.map(({ a }) => a.p50)).toFixed(2)} ms, echo ${median(rounds.map(({ b }) => b.p50)).toFixed(2)} ms`,
    samples,
  };
}

async function warmUp(client: Peer<Job, Run>, urls: string[]): Promise<void> {
  for (const url of urls)
    await client.ask({ kind: "load", url, connections: 64, seconds: 1, sessions: freshSessions() });
}

const requestsOf = (result: Run): number => result.requests;

/** Median of the pairs' own ratios, and the medians of what they are made of. */
export function ratio(
  pairs: { ours: number; limit: number }[],
): Pick<Figure, "value" | "samples" | "detail"> {
  const samples = pairs.map(({ ours, limit }) => ours / limit);
  const perSecond = (values: number[]): string => `${Math.round(median(values)).toLocaleString("en")}/s`;
  return {
    value: median(samples),
    samples,
    detail: `${perSecond(pairs.map(({ ours }) => ours))}, limit ${perSecond(pairs.map(({ limit }) => limit))}`,
  };
}
