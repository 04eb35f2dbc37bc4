import { startPeer } from "../peer.ts";
import type { Job, Run } from "../peers/client.ts";
import { startGateway, startLog, startRelay, startStandIn } from "../product.ts";
import { interleaved, median } from "../rounds.ts";
import type { Row } from "../row.ts";

/**
 * From the executor's request to the coordinator's own answer at low load: gateway, broker and relay against a plain proxy in front of
 * the same stand-in.
 */
export const latency: Row = {
  name: "latency",
  async run({ quick, profile, report }) {
    await using standIn = await startStandIn();
    await using proxy = await startPeer("proxy", [standIn.url]);
    await using client = await startPeer<Job, Run>("client");
    for (const sync of [true, false]) {
      await using broker = await startLog(sync);
      await using _relay = await startRelay(broker, standIn.url, profile);
      await using gateway = await startGateway(broker, profile);
      let run = 0;
      const sequence = (url: string, requests: number): Promise<Run> =>
        client.ask({ kind: "sequence", url, requests, sessions: `latency-${run++}` });
      for (const url of [gateway.url, proxy.url]) await sequence(url, 1000); // warm
      const requests = quick ? 500 : 2000;
      const rounds = await interleaved(
        quick ? 4 : 8,
        () => sequence(gateway.url, requests),
        () => sequence(proxy.url, requests),
      );
      const samples = rounds.map(({ a, b }) => a.p50 / b.p50);
      const middle = (pick: (round: (typeof rounds)[0]) => number): string =>
        median(rounds.map(pick)).toFixed(2);
      report({
        row: "end to end",
        what: `${sync ? "fsync" : "no fsync"}, low load, p50, against a plain proxy`,
        value: median(samples),
        unit: "x",
        budget: { bound: 4, stretch: 3, better: "less" },
        detail:
          `${middle(({ a }) => a.p50)} ms (p99 ${middle(({ a }) => a.p99)}), ` +
          `proxy ${middle(({ b }) => b.p50)} ms (p99 ${middle(({ b }) => b.p99)})`,
        samples,
      });
    }
  },
};
