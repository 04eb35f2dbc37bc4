import type { Report } from "../report.ts";
import { mixed } from "./mixed.ts";
import { sessionsSoak } from "./sessions-soak.ts";
import { soak } from "./soak.ts";

/** Usual lengths, minutes. */
const SOAK = 60;
const SESSIONS_SOAK = 40;
const MIXED = 40;

type LongCampaign = {
  name: string;
  what: string;
  limitMs: number;
  byName: true;
  run: (report: Report) => Promise<void>;
};

/** Campaigns about what grows with time, which run only when they are asked for. `minutes` undefined: as long as each takes by itself. */
export function long({ seed, minutes }: { seed: number; minutes: number | undefined }): LongCampaign[] {
  const named = (
    name: string,
    usual: number,
    what: string,
    run: (minutes: number, report: Report) => Promise<void>,
  ): LongCampaign => {
    const asked = minutes ?? usual;
    const limitMs = asked * 80_000 + 300_000;
    return {
      name,
      what: `${asked} minutes of ${what}`,
      limitMs,
      byName: true,
      run: (report) => run(asked, report),
    };
  };
  return [
    named("soak", SOAK, "150 events a second, 50 new sessions every minute", (asked, report) =>
      soak({ seed, minutes: asked, sessions: 50, perSecond: 3 }, report),
    ),
    named("sessions-soak", SESSIONS_SOAK, "turns, watchers and restarts behind nginx", (asked, report) => {
      const load = { sessions: 6, watchers: 48, brief: 4, events: 40, everyMs: 100 };
      return sessionsSoak({ seed, minutes: asked, ...load, restartMs: 20_000 }, report);
    }),
    named(
      "mixed",
      MIXED,
      "everything that `up` starts, under load and faults of all kinds",
      (asked, report) => {
        const events = { executors: 20, perSecond: 3 };
        const turns = { sessions: 6, brief: 2, events: 40, everyMs: 100 };
        const others = { pods: 2, pushes: 5, watchers: 32 };
        return mixed({ seed, minutes: asked, ...events, ...turns, ...others, calmMs: 4000 }, report);
      },
    ),
  ];
}
