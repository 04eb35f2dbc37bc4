import { setTimeout as delay } from "node:timers/promises";
import { startPeer } from "../peer.ts";
import type { Job, Run } from "../peers/client.ts";
import type { Count, Counted, Leave } from "../peers/sink.ts";
import { startGateway, startLog, startRelay } from "../product.ts";
import { median } from "../rounds.ts";
import type { Row } from "../row.ts";
import { peakBytes } from "../usage.ts";

const MIB = 1024 * 1024;
const SESSIONS = 10_000;
const EVENTS = 20_000;
const AWAY_MS = 10_000;

/** The coordinator is away while 10,000 sessions write, and comes back. */
export const away: Row = {
  name: "away",
  async run({ quick, profile, report }) {
    await using broker = await startLog(true);
    await using sink = await startPeer<Count | Leave, Counted>("sink");
    await using relay = await startRelay(broker, sink.url, profile);
    await using gateway = await startGateway(broker, profile);
    await using client = await startPeer<Job, Run>("client");
    const write = (events: number): Promise<Run> =>
      client.ask({ kind: "pour", url: gateway.url, events, sessions: SESSIONS, connections: 64 });
    await write(1000); // warm, while the coordinator is there
    const firsts: number[] = [];
    const rests: number[] = [];
    for (let round = 0; round < (quick ? 2 : 5); round++) {
      await sink.ask({ away: true });
      await Promise.all([write(EVENTS), delay(AWAY_MS)]);
      const { firstMs, ms } = await sink.ask({ total: EVENTS, warm: 0, delayMs: 0 });
      firsts.push(firstMs);
      rests.push(ms);
    }
    report({
      row: "away",
      what: "first event after the coordinator's return",
      value: median(firsts),
      unit: "ms",
      budget: { bound: 600, stretch: 200, better: "less" },
      detail: `${EVENTS.toLocaleString("en")} events caught up in ${(median(rests) / 1000).toFixed(1)} s`,
      samples: firsts,
    });
    for (const { name, pid, stretch } of [
      { name: "gateway", pid: gateway.pid, stretch: 120 },
      { name: "relay", pid: relay.pid, stretch: 130 },
    ]) {
      const value = ((await peakBytes(pid)) ?? NaN) / MIB;
      report({
        row: "away",
        what: `${SESSIONS.toLocaleString("en")} sessions while the coordinator is away, ${name}, peak memory`,
        value,
        unit: "MB",
        budget: { bound: 150, stretch, better: "less" },
        detail: "",
        samples: [value],
      });
    }
  },
};
