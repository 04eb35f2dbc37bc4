import { setTimeout as delay } from "node:timers/promises";
import { residentBytes } from "../../../bench/usage.ts";
import { judge } from "../judge.ts";
import { seededRandom } from "../random.ts";
import { ms, quantile, type Report } from "../report.ts";
import { onStage, type Stage } from "../stage.ts";
import { playWaves } from "../waves.ts";

export type SoakOptions = {
  seed: number;
  minutes: number;
  /** New ones every minute, and events a second of each. */
  sessions: number;
  perSecond: number;
};

const MOST_MB = 150;
/** Flat: the last quarter's median against the first one's. A process is warm after a minute of it, and a heap breathes by some per cent. */
const MOST_GROWTH = 1.08;
const MIB = 1024 ** 2;
const SAMPLE_MS = 5000;
const WAVE_S = 60;

/** Sessions come and go for an hour: memory stays where it is (BOUND-1). */
export async function soak(options: SoakOptions, report: Report): Promise<void> {
  await onStage(report, (stage) => play(options, report, stage));
}

async function play(options: SoakOptions, report: Report, stage: Stage): Promise<void> {
  const { gateway, relay, broker, coordinator } = stage;
  const watched = [
    { name: "gateway", pid: () => gateway.pid() ?? 0, ours: true, samples: [] as number[] },
    { name: "relay", pid: () => relay.pid() ?? 0, ours: true, samples: [] as number[] },
    { name: "nats-server", pid: broker.pid, ours: false, samples: [] as number[] },
    { name: "stand-in coordinator", pid: coordinator.pid, ours: false, samples: [] as number[] },
  ];
  const timer = setInterval(() => {
    for (const { pid, samples } of watched)
      void residentBytes(pid()).then((bytes) => samples.push((bytes ?? NaN) / MIB));
  }, SAMPLE_MS);
  const random = seededRandom(options.seed);
  const { sessions, perSecond, minutes } = options;
  const calls = await playWaves(
    { url: () => gateway.url(), random, sessions, perSecond, seconds: WAVE_S },
    (wave) => wave < minutes,
  );
  await delay(SAMPLE_MS);
  clearInterval(timer);
  for (const { name, ours, samples } of watched) {
    const quarter = Math.floor(samples.length / 4);
    const medians = [0, 1, 2, 3].map((n) => quantile(samples.slice(n * quarter, (n + 1) * quarter), 0.5));
    const shown = medians.map((mb) => mb.toFixed(0)).join(", ");
    if (!ours) {
      report.note(`${name}, medians of the quarters`, `${shown} MB`);
      continue;
    }
    const largest = quantile(samples, 1);
    report.check(`${name}, largest`, largest <= MOST_MB, `${largest.toFixed(0)} MB (at most ${MOST_MB})`);
    const [first = NaN, , , last = NaN] = medians;
    report.check(`${name}, medians of the quarters`, last <= first * MOST_GROWTH, `${shown} MB`);
  }
  const times = calls.map((call) => call.ms);
  report.note("answers", `p50 ${ms(quantile(times, 0.5))}, p99 ${ms(quantile(times, 0.99))}`);
  await judge(stage, { calls }, report, 60_000);
}
