import { openDrainLab, type Drained } from "../drain.ts";
import { interleaved, median } from "../rounds.ts";
import type { Row } from "../row.ts";
import { ratio } from "./ingest.ts";

const MIB = 1024 * 1024;
const WARM = 20_000;
const WINDOW = 10_000;
const SESSIONS = 1000;

/**
 * Does a relay slow down before a large backlog? Both sides are timed from the 20,000th event to the 30,000th after their start, as warm as
 * each other: one has 10,000 events before it then, the other the rest of its million (of 100,000 with `--quick`).
 */
export const backlog: Row = {
  name: "backlog",
  async run({ quick, profile, report }) {
    const drainOnce = async (events: number): Promise<Drained> => {
      await using place = await openDrainLab(profile);
      return await place.relay({
        events,
        sessions: SESSIONS,
        warm: WARM,
        until: WARM + WINDOW,
        delayMs: 0,
        leaveRest: quick,
      });
    };
    const large = quick ? 100_000 : 1_000_000;
    const rounds = await interleaved(
      quick ? 2 : 3,
      () => drainOnce(large),
      () => drainOnce(WARM + WINDOW),
    );
    const name = large.toLocaleString("en");
    const memory = rounds.map(({ a }) => a.relayBytes / MIB);
    report({
      row: "backlog",
      what: `drain rate before ${name} events, against 10,000`,
      unit: "x",
      ...ratio(rounds.map(({ a, b }) => ({ ours: a.rate, limit: b.rate }))),
      budget: { bound: 0.95, stretch: 1, better: "more" },
    });
    report({
      row: "backlog",
      what: `peak memory of the relay that drains ${name}`,
      value: median(memory),
      unit: "MB",
      budget: { bound: 150, stretch: 130, better: "less" },
      detail: `with 30,000: ${Math.round(median(rounds.map(({ b }) => b.relayBytes / MIB)))} MB`,
      samples: memory,
    });
  },
};
