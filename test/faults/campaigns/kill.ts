import { setTimeout as delay } from "node:timers/promises";
import { judge } from "../judge.ts";
import { startLoad, type WriterPlan } from "../load.ts";
import { seededRandom, type Random } from "../random.ts";
import { ms, type Report } from "../report.ts";
import type { Service } from "../service.ts";
import { onStage, type Stage } from "../stage.ts";

export type KillOptions = {
  seed: number;
  /** Kills in all, shared evenly by gateway, relay and broker. */
  rounds: number;
  /** Mean time between two kills. */
  gapMs: number;
  /** Writers that wait for the coordinator's answer, and writers that do not: while no relay lives the former are slow. */
  waiting: number;
  async: number;
  perSecond: number;
  /** Lowest rate of acknowledged events over the whole campaign. */
  leastPerSecond: number;
};

/** Its coordinator answers 500 for as long as the campaign kills. */
const FAILING = "failing";
const MOST_REPEATS = 0.01;
/** Between two outages of the coordinator, mean, and how long one lasts. */
const OUTAGE_GAP_MS = 10_000;
const OUTAGE_MS = 2500;

type Victim = { name: string; kill(): Promise<void> };

/** kill -9 of everything at random moments, some of them while the coordinator is away (DURABLE-1, ORDER-1, SETTLE-1, ONCE-1). */
export async function kill(options: KillOptions, report: Report): Promise<void> {
  await onStage(report, (stage) => play(options, report, stage));
}

async function play(options: KillOptions, report: Report, stage: Stage): Promise<void> {
  const random = seededRandom(options.seed);
  const { coordinator, gateway, relay } = stage;
  const failing = { session: FAILING, action: { kind: "status" as const, status: 500 } };
  await coordinator.setFaults([failing]);
  const url = gateway.url();
  const load = startLoad({
    url: () => url,
    random: seededRandom(options.seed + 1),
    writers: writersOf(options),
  });
  const began = performance.now();
  await delay(1000);

  const weather = startWeather(stage, random, () => coordinator.setFaults([failing]));
  const victims = [killable(gateway), killable(relay), brokerVictim(stage, random)];
  const kills = new Map(victims.map(({ name }) => [name, 0]));
  let inOutage = 0;
  for (const victim of turns(victims, options.rounds, random)) {
    await delay(random.exponential(options.gapMs));
    if (weather.away()) inOutage++;
    await victim.kill();
    kills.set(victim.name, (kills.get(victim.name) ?? 0) + 1);
  }
  const outages = await weather.end();
  await Promise.all([gateway.ready(), relay.ready()]);
  await load.stop();
  const seconds = (performance.now() - began) / 1000;

  const stuck = load.calls.filter((call) => call.session === FAILING).map((call) => call.marker);
  const deadBefore = await stage.dead();
  const deliveredBefore = new Set((await stage.arrivals()).filter((it) => it.applied).map((it) => it.marker));
  const escaped = stuck.filter((marker) => deliveredBefore.has(marker) && !deadBefore.has(marker));
  report.note("kills", [...kills].map(([name, count]) => `${name} ${count}`).join(", "));
  report.note("kills while the coordinator was away", `${inOutage}, in ${outages} outages`);
  report.note("ends of processes that nobody asked for", surprisesOf([gateway, relay]));
  const rate = load.calls.length / seconds;
  report.check(
    "acknowledged per second",
    rate >= options.leastPerSecond,
    `${rate.toFixed(0)} over ${seconds.toFixed(0)} s (at least ${options.leastPerSecond})`,
  );
  report.note(
    "attempts of executors without an answer",
    [...load.unanswered].map(([why, n]) => `${n} ${why}`).join(", "),
  );
  report.note("refusals of executors", statusesOf(load.refusals.map((refusal) => refusal.status)));
  report.check(
    "failing session: delivered while it failed",
    escaped.length === 0,
    `${escaped.length} of ${stuck.length}`,
  );

  await coordinator.setFaults([]);
  const findings = await judge(stage, load, report, 120_000);
  const share = findings.repeats.length / Math.max(1, findings.delivered);
  report.check(
    "repeats",
    findings.repeats.length > 0 && share <= MOST_REPEATS,
    `${findings.repeats.length} = ${(share * 100).toFixed(2)} % (more than 0, at most ${MOST_REPEATS * 100} %)`,
  );
  const ports = new Set(gateway.urls);
  report.check(
    "gateway back on its port",
    ports.size === 1,
    `${gateway.urls.length} starts, ${[...ports].join(" ")}`,
  );
  report.check("gateway alive at the end", await alive(url), url);
  report.note(
    "longest absence of gateway / relay",
    `${ms(Math.max(0, ...gateway.downtimes))} / ${ms(Math.max(0, ...relay.downtimes))}`,
  );
}

function writersOf({ waiting, async, perSecond }: KillOptions): WriterPlan[] {
  const plans = (count: number, name: string, more: Partial<WriterPlan>): WriterPlan[] =>
    Array.from({ length: count }, (_, i) => ({ session: `${name}-${i}`, perSecond, ...more }));
  return [
    ...plans(waiting, "wait", {}),
    ...plans(async, "async", { async: true }),
    { session: FAILING, perSecond: 5, async: true },
  ];
}

/** Each victim equally often, in an order that nobody can foresee. */
function* turns(victims: readonly Victim[], rounds: number, random: Random): Generator<Victim> {
  for (let round = 0; round < rounds;) {
    for (const victim of random.shuffled(victims)) {
      if (round++ < rounds) yield victim;
    }
  }
}

function killable(service: Service): Victim {
  return { name: service.name, kill: () => service.kill9() };
}

/** Down for up to half a second. Its restart goes on while others are killed. */
function brokerVictim(stage: Stage, random: Random): Victim {
  let restarting: Promise<void> = Promise.resolve();
  return {
    name: "nats-server",
    async kill() {
      await restarting;
      ({ restarted: restarting } = await stage.killBroker(random.next() * 500));
      restarting.catch(() => undefined); // the next kill, or the first request, tells
    },
  };
}

/** Outages of the coordinator beside the kills. */
function startWeather(
  { coordinator, journal, crashed }: Stage,
  random: Random,
  back: () => Promise<void>,
): { away(): boolean; end(): Promise<number> } {
  const ending = new AbortController();
  let away = false;
  let outages = 0;
  const pause = (forMs: number): Promise<void> =>
    delay(forMs, undefined, { signal: ending.signal }).catch(() => undefined);

  async function run(): Promise<void> {
    for (;;) {
      await pause(random.exponential(OUTAGE_GAP_MS));
      if (ending.signal.aborted) return;
      away = true;
      outages++;
      crashed();
      await coordinator.kill9();
      crashed(); // what it carried out until it was gone has no answer either
      journal("coordinator killed");
      await pause(OUTAGE_MS);
      await coordinator.start();
      journal("coordinator ready");
      await back();
      away = false;
    }
  }

  const running = run();
  return {
    away: () => away,
    async end() {
      ending.abort();
      await running;
      return outages;
    },
  };
}

async function alive(url: string): Promise<boolean> {
  return fetch(`${url}/_relay/health`).then(
    (answer) => answer.ok,
    () => false,
  );
}

function surprisesOf(services: readonly Service[]): string {
  return services.map(({ name, surprises }) => `${name}: ${surprises.join(" ") || "none"}`).join("; ");
}

function statusesOf(statuses: readonly number[]): string {
  const counts = new Map<number, number>();
  for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].map(([status, count]) => `${count} × ${status}`).join(", ") || "none";
}
