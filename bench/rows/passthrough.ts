import { startPeer } from "../peer.ts";
import type { Job, Run } from "../peers/client.ts";
import { startGateway, startLog, startRelay, startStandIn } from "../product.ts";
import { interleaved, median } from "../rounds.ts";
import type { Row } from "../row.ts";

/** Budgets of docs/performance.md, "Figures"; for one connection what the hop costs: 0.12 ms directly, 0.41 ms through the broker, measured before it was built. */
const LOADS = [
  { connections: 1, bound: 0.2, stretch: 0.3 },
  { connections: 16, bound: 0.5, stretch: 0.7 },
  { connections: 64, bound: 0.6, stretch: 0.95 },
];

/** Requests that pass through gateway, broker and relay, against @fastify/http-proxy in front of the same stand-in. */
export const passthrough: Row = {
  name: "passthrough",
  async run({ quick, profile, report }) {
    await using standIn = await startStandIn();
    await using proxy = await startPeer("http-proxy", [standIn.url]);
    await using client = await startPeer<Job, Run>("client");
    await using broker = await startLog(true);
    await using _relay = await startRelay(broker, standIn.url, profile);
    await using gateway = await startGateway(broker, profile);
    const seconds = quick ? 1 : 3;
    for (const { connections, bound, stretch } of LOADS) {
      const get = (url: string): Promise<Run> =>
        client.ask({ kind: "read", url: `${url}/health`, connections, seconds });
      for (const url of [gateway.url, proxy.url]) await get(url); // warm
      const rounds = await interleaved(
        quick ? 3 : 6,
        () => get(gateway.url),
        () => get(proxy.url),
      );
      const samples = rounds.map(({ a, b }) => a.rate / b.rate);
      const middle = (pick: (round: (typeof rounds)[0]) => number): number =>
        Number(median(rounds.map(pick)).toFixed(1));
      report({
        row: "passthrough",
        what: `${connections} connection${connections === 1 ? "" : "s"}, against @fastify/http-proxy`,
        value: median(samples),
        unit: "x",
        budget: { bound, stretch, better: "more" },
        detail:
          `${Math.round(middle(({ a }) => a.rate))}/s (p99 ${middle(({ a }) => a.p99)} ms), ` +
          `proxy ${Math.round(middle(({ b }) => b.rate))}/s (p99 ${middle(({ b }) => b.p99)} ms)`,
        samples,
      });
    }
  },
};
