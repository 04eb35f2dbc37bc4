import { setTimeout as delay } from "node:timers/promises";
import { judge } from "../judge.ts";
import { startLoad, type Call, type Load } from "../load.ts";
import { seededRandom } from "../random.ts";
import { ms, quantile, type Report } from "../report.ts";
import { onStage, type Stage } from "../stage.ts";

export type HangOptions = {
  seed: number;
  pairs: number;
  /** Sessions whose requests the coordinator never answers. */
  hanging: number;
  healthy: number;
  perSecond: number;
  /** Length of one measurement. */
  measureMs: number;
};

const MOST_TIMES = 2;
const MOST_MORE_MS = 10;

/** Requests that hang take connections, and may not take the other sessions' (ISOLATE-1). Pairs of runs, without and with them. */
export async function hang(options: HangOptions, report: Report): Promise<void> {
  await onStage(report, (stage) => play(options, report, stage));
}

async function play(options: HangOptions, report: Report, stage: Stage): Promise<void> {
  const { coordinator } = stage;
  const calls: Call[] = [];
  const without: number[] = [];
  const beside: number[] = [];
  for (let pair = 1; pair <= options.pairs; pair++) {
    without.push(await measure(stage, options, `calm-${pair}`, calls));
    await coordinator.setFaults([{ path: "/sessions/hang-", action: { kind: "hang" } }]);
    const hanging = startLoad({
      url: () => stage.gateway.url(),
      random: seededRandom(options.seed + pair),
      writers: Array.from({ length: options.hanging }, (_, i) => ({
        session: `hang-${pair}-${i}`,
        perSecond: 1,
        async: true,
      })),
    });
    await delay(1000); // each has begun
    beside.push(await measure(stage, options, `beside-${pair}`, calls));
    await hanging.stop();
    calls.push(...hanging.calls);
    // Its end breaks the hanging connections; the next one answers.
    stage.crashed();
    await coordinator.kill9();
    await coordinator.start();
    await stage.settled(markersOf(hanging), 60_000);
    report.note(
      `pair ${pair}: p99 without / beside`,
      `${ms(without.at(-1) ?? 0)} / ${ms(beside.at(-1) ?? 0)}`,
    );
  }
  const [calm, disturbed] = [quantile(without, 0.5), quantile(beside, 0.5)];
  const limit = Math.max(calm * MOST_TIMES, calm + MOST_MORE_MS);
  report.check(
    "p99 beside hanging sessions, median of pairs",
    disturbed <= limit,
    `${ms(disturbed)} (at most ${ms(limit)}; without ${ms(calm)})`,
  );
  await judge(stage, { calls }, report);
}

/** p99 of the healthy sessions' answers, milliseconds. */
async function measure(stage: Stage, options: HangOptions, name: string, all: Call[]): Promise<number> {
  const load = startLoad({
    url: () => stage.gateway.url(),
    random: seededRandom(options.seed),
    writers: Array.from({ length: options.healthy }, (_, i) => ({
      session: `${name}-${i}`,
      perSecond: options.perSecond,
    })),
  });
  await delay(options.measureMs);
  await load.stop();
  all.push(...load.calls);
  await stage.settled(markersOf(load), 30_000);
  return quantile(
    load.calls.map((call) => call.ms),
    0.99,
  );
}

function markersOf(load: Load): string[] {
  return load.calls.map((call) => call.marker);
}
