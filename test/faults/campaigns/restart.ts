import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { spawnCoordinator, type CoordinatorProcess } from "../../support/coordinator.ts";
import { judge } from "../judge.ts";
import { startLoad, type WriterPlan } from "../load.ts";
import { startPoller } from "../poller.ts";
import { seededRandom } from "../random.ts";
import { ms, quantile, type Report } from "../report.ts";
import { areSettled, arrivalsAt, deadMarkers } from "../stage.ts";
import { startSupervisedUp } from "../supervised-up.ts";

export type RestartOptions = {
  seed: number;
  rounds: number;
  /** Half of them wait for the coordinator's answer. */
  sessions: number;
  perSecond: number;
  /** Before and after each restart. */
  calmMs: number;
  settleMs: number;
};

/** What a runner bears: three failed polls in a row, with 1 s and 2 s between them. */
const MOST_STOP_MS = 500;
const MOST_GAP_MS = 1000;
const MOST_FAILURES = 3;
/** Longer than the drain: what is on the wire at the stop is cut off, and repeated. */
const SLOW_MS = 400;

/** How the coordinator is while `up` is restarted. */
const WEATHER = ["well", "away", "hangs", "slow"] as const;
type Weather = (typeof WEATHER)[number];

/** Planned restarts of `up` under a supervisor that starts it again at once, with a runner polling and executors writing. */
export async function restart(options: RestartOptions, report: Report): Promise<void> {
  await using coordinator = await spawnCoordinator();
  await using up = await startSupervisedUp(["--coordinator", coordinator.url]);
  const { url } = up;
  const probe = startProbe(url);
  const poller = await startPoller(url);
  const load = startLoad({ url: () => url, random: seededRandom(options.seed), writers: writersOf(options) });
  const stops: { weather: Weather; stopMs: number; code: number | null; readyMs: number; at: number }[] = [];
  const crashes: number[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const weather = WEATHER[round % WEATHER.length] ?? "well";
    if (weather === "away") crashes.push(Date.now()); // the kill of the coordinator may cut off the answer to what it took
    const clear = await makeWeather(weather, coordinator);
    await delay(options.calmMs);
    const at = Date.now();
    crashes.push(at);
    const { code, stopMs } = await up.restart();
    crashes.push(Date.now());
    const readyMs = await up.ready();
    stops.push({ weather, stopMs, code, readyMs, at });
    await clear();
    await delay(options.calmMs);
  }
  await load.stop();
  const gaps = await probe.stop();
  await poller.stop();

  const nc = await up.operator();
  const arrivals = () => arrivalsAt(coordinator);
  const dead = () => deadMarkers(nc);
  const findings = await judge(
    { arrivals, dead, crashes, settled: (markers, most) => areSettled({ arrivals, dead }, markers, most) },
    load,
    report,
    options.settleMs,
  );
  await nc.close();

  const times = stops.map(({ stopMs }) => stopMs);
  for (const weather of WEATHER) {
    const those = stops.filter((stop) => stop.weather === weather).map(({ stopMs }) => stopMs);
    report.note(`stop, coordinator ${weather}`, those.map(ms).join(", "));
  }
  report.check(
    `stop of up, longest (at most ${MOST_STOP_MS} ms)`,
    Math.max(...times) <= MOST_STOP_MS,
    `${ms(Math.max(...times))}, median ${ms(quantile(times, 0.5))}`,
  );
  report.check(
    "exit code 0",
    stops.every(({ code }) => code === 0),
    stops.map(({ code }) => code).join(" "),
  );
  report.check(
    `connections refused, longest (at most ${MOST_GAP_MS} ms)`,
    gaps.length >= options.rounds && Math.max(...gaps) <= MOST_GAP_MS,
    `${ms(Math.max(...gaps))}, median ${ms(quantile(gaps, 0.5))}, ${gaps.length} gaps in ${options.rounds} restarts`,
  );
  report.note("start of up until it is ready", stops.map(({ readyMs }) => ms(readyMs)).join(", "));
  report.check(
    "failed polls in a row (a runner dies of 3)",
    poller.worst() < MOST_FAILURES,
    `${poller.worst()}; ${poller.failures()} failed in ${options.rounds} restarts: ${poller.reasons()}`,
  );
  const repeats = (weather: Weather): number =>
    findings.repeats.filter((repeat) => stops.findLast(({ at }) => at <= repeat.at)?.weather === weather)
      .length;
  const slow = stops.filter(({ weather }) => weather === "slow").length;
  report.check(
    "repeats: only of what was on the wire",
    findings.repeats.length <= slow * options.sessions,
    `${findings.repeats.length} of ${findings.delivered}: ${WEATHER.map((weather) => `${repeats(weather)} ${weather}`).join(", ")}; ${slow} stops cut a slow coordinator's answers off`,
  );
}

function writersOf({ sessions, perSecond }: RestartOptions): WriterPlan[] {
  return Array.from({ length: sessions }, (_, i) => ({
    session: `s-${i}`,
    perSecond,
    async: i % 2 === 0,
  }));
}

/** Returns what ends it. */
async function makeWeather(weather: Weather, coordinator: CoordinatorProcess): Promise<() => Promise<void>> {
  switch (weather) {
    case "well":
      return () => Promise.resolve();
    case "away":
      await coordinator.kill9();
      return () => coordinator.start();
    case "hangs":
      await coordinator.setFaults([{ path: "^/sessions/", action: { kind: "hang" } }]);
      return () => coordinator.setFaults([]);
    case "slow":
      await coordinator.setFaults([{ path: "^/sessions/", action: { kind: "delay", ms: SLOW_MS } }]);
      return () => coordinator.setFaults([]);
  }
}

/** Connects all the time; a gap is the time from the last connection before a refusal to the first one after it. */
function startProbe(url: string): { stop(): Promise<number[]> } {
  const { hostname, port } = new URL(url);
  const gaps: number[] = [];
  let stopped = false;
  const accepts = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(Number(port), hostname);
      const end = (accepted: boolean): void => {
        resolve(accepted);
        socket.destroy();
      };
      socket.once("connect", () => end(true));
      socket.once("error", () => end(false));
    });
  async function run(): Promise<void> {
    let acceptedAt = performance.now();
    let refused = false;
    while (!stopped || refused) {
      if (await accepts()) {
        if (refused) gaps.push(performance.now() - acceptedAt);
        refused = false;
        acceptedAt = performance.now();
      } else refused = true;
      await delay(5);
    }
  }
  const running = run();
  return {
    async stop() {
      stopped = true;
      await running;
      return gaps;
    },
  };
}
