import { openDrainLab, type Backlog, type Drained, type DrainLab } from "../drain.ts";
import type { Budget, Figure } from "../figure.ts";
import { interleaved } from "../rounds.ts";
import type { Lab, Row } from "../row.ts";
import { ratio } from "./ingest.ts";

const SESSIONS = 100;
const BATCH = { RUNNER_RELAY_BATCH_PATH: "/sessions/{session_id}/events:batch" };

const SINGLE: { delayMs: number; events: number; warm: number; bound: number; stretch: number }[] = [
  { delayMs: 0, events: 45_000, warm: 15_000, bound: 0.42, stretch: 0.55 },
  { delayMs: 5, events: 10_000, warm: 3000, bound: 0.65, stretch: 0.8 },
  { delayMs: 50, events: 1300, warm: 200, bound: 0.75, stretch: 0.95 },
];

/** One POST per event, a hundred sessions, the coordinator answering after 0, 5 and 50 ms, against raw undici. */
export const drain: Row = {
  name: "drain",
  async run(lab) {
    await using place = await openDrainLab(lab.profile);
    for (const { bound, stretch, ...size } of SINGLE) {
      await compare(lab, place, {
        row: "drain",
        what: `one POST per event, coordinator ${size.delayMs} ms, against raw undici`,
        budget: { bound, stretch, better: "more" },
        backlog: { ...size, sessions: SESSIONS },
      });
    }
  },
};

/** The batch endpoint, against one POST per event by raw undici. */
export const batch: Row = {
  name: "batch",
  async run(lab) {
    await using place = await openDrainLab(lab.profile);
    const common = { delayMs: 0, env: BATCH };
    await compare(lab, place, {
      row: "drain in batches",
      what: "100 sessions, against single POSTs of raw undici",
      budget: { bound: 1.3, stretch: 1.9, better: "more" },
      backlog: { ...common, events: 60_000, warm: 20_000, sessions: SESSIONS },
    });
    await compare(lab, place, {
      row: "drain in batches",
      what: "one hot session, against single POSTs of raw undici",
      budget: { bound: 1, stretch: 1.4, better: "more" },
      backlog: { ...common, events: 40_000, warm: 15_000, sessions: 1 },
    });
  },
};

async function compare(
  lab: Lab,
  place: DrainLab,
  plan: { row: string; what: string; budget: Budget; backlog: Backlog },
): Promise<void> {
  const { backlog } = plan;
  const rounds = await interleaved(
    lab.quick ? 2 : 6,
    () => place.relay(backlog),
    () => place.raw(backlog),
  );
  const last: Drained | undefined = rounds.at(-1)?.a;
  const figure: Figure = {
    row: plan.row,
    what: plan.what,
    unit: "x",
    budget: plan.budget,
    ...ratio(rounds.map(({ a, b }) => ({ ours: a.rate, limit: b }))),
    cpu: last?.cpu ?? {},
  };
  lab.report(figure);
}
