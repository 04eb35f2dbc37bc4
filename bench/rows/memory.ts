import { setTimeout as delay } from "node:timers/promises";
import { startPeer } from "../peer.ts";
import type { Job, Run } from "../peers/client.ts";
import type { Count, Counted } from "../peers/sink.ts";
import { startGateway, startLog, startRelay } from "../product.ts";
import { median } from "../rounds.ts";
import type { Row } from "../row.ts";
import { residentBytes } from "../usage.ts";

const MIB = 1024 * 1024;
const CONNECTIONS = 64;

/** Resident memory of gateway and relay while 64 executors write as fast as they are answered by the coordinator. */
export const memory: Row = {
  name: "memory",
  async run({ quick, profile, report }) {
    await using broker = await startLog(true);
    await using sink = await startPeer<Count, Counted>("sink");
    await using relay = await startRelay(broker, sink.url, profile);
    await using gateway = await startGateway(broker, profile);
    await using client = await startPeer<Job, Run>("client");
    const seconds = quick ? 15 : 60;
    const watched = [
      { name: "gateway", pid: gateway.pid, stretch: 120, samples: [] as number[] },
      { name: "relay", pid: relay.pid, stretch: 130, samples: [] as number[] },
    ];
    const stop = new AbortController();
    const sampled = (async () => {
      while (!stop.signal.aborted) {
        for (const { pid, samples } of watched) samples.push(((await residentBytes(pid)) ?? NaN) / MIB);
        await delay(500, undefined, { signal: stop.signal }).catch(() => undefined);
      }
    })();
    const load: Job = {
      kind: "load",
      url: gateway.url,
      connections: CONNECTIONS,
      seconds,
      sessions: "memory",
    };
    const { rate } = await client.ask(load);
    stop.abort();
    await sampled;
    for (const { name, samples, stretch } of watched) {
      const third = Math.floor(samples.length / 3);
      const [middle, last] = [samples.slice(third, 2 * third), samples.slice(2 * third)].map(median);
      report({
        row: "memory",
        what: `${name}, largest in ${seconds} s of load`,
        value: Math.max(...samples),
        unit: "MB",
        budget: { bound: 150, stretch, better: "less" },
        detail:
          `${Math.round(rate).toLocaleString("en")} events/s end to end; ` +
          `second third ${middle?.toFixed(0)}, last third ${last?.toFixed(0)} MB`,
        samples,
      });
    }
  },
};
