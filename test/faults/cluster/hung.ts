import { setTimeout as delay } from "node:timers/promises";
import { allInStep, leaderOfLog, relieve } from "../../support/cluster-leaders.ts";
import type { LedgerEntry } from "../../support/coordinator.ts";
import { judge } from "../judge.ts";
import { startLoad } from "../load.ts";
import { seededRandom, type Random } from "../random.ts";
import { ms, type Report } from "../report.ts";
import type { Service } from "../service.ts";
import { tellRefusals } from "./elections.ts";
import { onCluster, type ClusterHome } from "./home.ts";

export type HungPlan = {
  seed: number;
  /** With each kind of server. */
  rounds: number;
  sessions: number;
  perSecond: number;
  /** How long a server is stopped. */
  hungMs: number;
  /** From the stop to the first end of a relay: an election takes that long where the server led something. */
  noticedMs: number;
  calmMs: number;
};

/** A pin ends 3 s after the last pull of its relay, and a pull is asked for every second. On a loaded machine everything takes longer: the rounds without a hang tell how much. */
const MOST_MS = 6000;
/** A relay that stops has handed over in this time. */
const HANDOVER_MS = 3000;
/** A killed relay is away for longer than a pin lasts. */
const AWAY_MS = 4000;

type Times = { takeover: number[]; planned: number[]; start: number[] };

/** One of three servers is stopped; meanwhile a relay is killed, and another one is restarted as planned. */
export async function hung(plan: HungPlan, report: Report): Promise<void> {
  await onCluster(report, (home) => play(plan, home, report));
}

async function play(plan: HungPlan, home: ClusterHome, report: Report): Promise<void> {
  const random = seededRandom(plan.seed);
  const sessions = Array.from({ length: plan.sessions }, (_, i) => `hung-${i}`);
  const load = startLoad({
    url: () => home.gateway.url(),
    random,
    writers: sessions.map((session, i) => ({ session, perSecond: plan.perSecond, async: i % 2 === 0 })),
  });
  await delay(plan.calmMs);
  const admin = await home.cluster.connect("admin");
  const kinds: Record<string, () => Promise<number | undefined>> = {
    "no server hangs": async () => undefined,
    "a server hangs that leads nothing": async () => {
      const server = Math.floor(random.next() * 3);
      await relieve(admin, server);
      return server;
    },
    "the log's leader hangs": () => leaderOfLog(home.jsm),
  };
  for (const [kind, choose] of Object.entries(kinds)) {
    const times: Times = { takeover: [], planned: [], start: [] };
    let refused = 0;
    for (let round = 0; round < plan.rounds; round++) {
      await allInStep(home.jsm);
      const server = await choose();
      const before = load.refusals.length;
      await beside(home, plan, server, { sessions, random }, times);
      await delay(plan.calmMs);
      refused += load.refusals.length - before;
    }
    tell(kind, times, report);
    report.note(`${kind}: refused requests`, String(refused));
  }
  await load.stop();
  await judge(home, load, report);
  tellRefusals(load.refusals, report);
}

async function beside(
  home: ClusterHome,
  plan: HungPlan,
  server: number | undefined,
  { sessions, random }: { sessions: readonly string[]; random: Random },
  times: Times,
): Promise<void> {
  const pid = server === undefined ? undefined : home.cluster.pids()[server];
  const [killed, stopped] = random.shuffled(home.relays) as [Service, Service];
  const over = home.trouble();
  if (pid !== undefined) process.kill(pid, "SIGSTOP");
  const until = performance.now() + plan.hungMs;
  try {
    await delay(plan.noticedMs + random.next() * 1000);
    const killedAt = Date.now();
    await killed.kill9(AWAY_MS);
    await delay(AWAY_MS);
    times.takeover.push(silenceAfter(await home.arrivals(), sessions, killedAt));
    await killed.ready();
    await delay(1000);
    const stoppedAt = Date.now();
    stopped.signal("SIGTERM");
    await delay(Math.max(HANDOVER_MS, until - performance.now()));
    times.planned.push(silenceAfter(await home.arrivals(), sessions, stoppedAt));
    await stopped.ready();
    times.start.push(startAfter(home, killed, killedAt), startAfter(home, stopped, stoppedAt));
  } finally {
    if (pid !== undefined) process.kill(pid, "SIGCONT");
    await allInStep(home.jsm);
    over();
  }
}

/** How long a relay took to start again, without the time in which Node reads the program. */
function startAfter({ said }: ClusterHome, { name }: Service, moment: number): number {
  const begins = said(name, "relay starting").find((at) => at >= moment) ?? NaN;
  return (said(name, "relay ready").find((at) => at >= begins) ?? NaN) - begins;
}

/** When the last of these sessions got its first event again, milliseconds behind a moment. */
function silenceAfter(arrivals: readonly LedgerEntry[], sessions: readonly string[], from: number): number {
  const since = arrivals.filter(({ applied, at }) => applied && at >= from);
  return Math.max(
    ...sessions.map((session) => (since.find((it) => it.session === session)?.at ?? Infinity) - from),
  );
}

function tell(kind: string, { takeover, planned, start }: Times, report: Report): void {
  const lines = {
    "takeover of a killed relay": takeover,
    "handover of one that stops": planned,
    "start of a relay": start,
  };
  for (const [what, times] of Object.entries(lines))
    report.check(
      `${kind}: ${what}`,
      times.every((it) => it <= MOST_MS),
      `${times.map(ms).join(", ")} (at most ${MOST_MS})`,
    );
}
