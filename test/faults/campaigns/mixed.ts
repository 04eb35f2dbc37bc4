import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { openSessions } from "../../../src/client/sessions/index.ts";
import { createSession } from "../../../src/shared/session-log/registry/create.ts";
import { findSession } from "../../../src/shared/session-log/registry/find.ts";
import { registry } from "../../integration/session-log/harness.ts";
import { spawnCoordinator, type CoordinatorProcess } from "../../support/coordinator.ts";
import { startCountingAgent } from "../../support/counting-agent.ts";
import { judge } from "../judge.ts";
import type { Call } from "../load.ts";
import { startPoller } from "../poller.ts";
import { seededRandom, type Random } from "../random.ts";
import { watchProcesses } from "../replicas/watched-process.ts";
import type { Report } from "../report.ts";
import { endOf, startLink } from "../../support/link.ts";
import { disturb, nemesesOf, type Nemesis } from "../rounds/nemeses.ts";
import { inFolder } from "../runner/play.ts";
import { sessionVerdict } from "../session-verdict.ts";
import { reportSessions, startSessionsLoad, type SessionsPlan, type Written } from "../sessions-load.ts";
import { areSettled, arrivalsAt, deadMarkers } from "../stage.ts";
import { startUpHome, type ChildName, type UpHome } from "../up-home.ts";
import { startPushing } from "../watch/pushing.ts";
import { playWaves } from "../waves.ts";
import { wholeLog } from "../whole-log.ts";

// ../up-home.ts is the product · ../waves.ts executors, ../poller.ts a runner, ../sessions-load.ts turns and watchers, ../watch/pushing.ts pods · ../rounds/nemeses.ts the faults ·
// ../judge.ts, ../session-verdict.ts and ../replicas/watched-process.ts the verdict

export type MixedPlan = SessionsPlan & {
  minutes: number;
  /** Executors, with new sessions every half minute, and events a second of each. */
  executors: number;
  perSecond: number;
  /** Sessions that pods push to, and events a second of each. */
  pods: number;
  pushes: number;
  /** Events of a turn, and the pause behind each. */
  events: number;
  everyMs: number;
  /** Mean pause between two faults. */
  calmMs: number;
};

const USER = "campaign";
const KEY = "key-of-the-campaign";
const CHILDREN: readonly ChildName[] = ["gateway", "relay", "nats-server", "serve", "worker", "console"];
/** Nothing tells when an answer was lost, so that no repeat could be excused. */
const NOT_HERE = /answers are lost/;
const KILL = /^kill -9: (?!coordinator)/;
/** The campaign divides its time into this many stretches. It kills only in the first part of each, so that processes then live long enough to be judged. */
const STRETCHES = 4;
const WITH_KILLS = 0.3;
const LEAST_MS = 1000;
const MOST_MS = 3000;
const NOTE_MS = 20;
const WAVE_S = 30;
const SETTLE_MS = 120_000;
/** Calls of sessions are repeated for longer than everything is away. */
const RETRY_MS = 120_000;

/**
 * Everything that `up` starts under load of every kind at once, with faults all the while: nothing is lost or out of order, each watcher sees its session whole, each turn ends once,
 * memory and descriptors stay where they are (DURABLE-1, ORDER-1, ONCE-1, WATCH-1, TURN-1, BOUND-1).
 */
export async function mixed(plan: MixedPlan, report: Report): Promise<void> {
  await inFolder(report, (dir) => play(plan, report, dir));
}

async function play(plan: MixedPlan, report: Report, dir: string): Promise<void> {
  await using scope = new AsyncDisposableStack();
  const random = seededRandom(plan.seed);
  const agent = scope.use(await startCountingAgent(plan));
  const coordinator = scope.use(await spawnCoordinator());
  const link = scope.use(await startLink("up – coordinator", endOf(coordinator.url)));
  const env = {
    RUNNER_RELAY_AGENT: "http",
    RUNNER_RELAY_AGENT_HTTP_URL: agent.url,
    RUNNER_RELAY_SESSIONS_API_KEY: KEY,
  };
  const place = { coordinatorUrl: `http://${link.address}`, dir, dataDir: join(dir, "data") };
  const home = scope.use(await startUpHome({ ...place, env }));
  const served = { url: home.info().sessions ?? "", key: KEY };
  const client = scope.use(openSessions({ ...served, retry: { totalMs: RETRY_MS } }));
  const children = CHILDREN.map((name) => home.child(name));
  const first = home.up.pid();
  const processes = watchProcesses([
    { ...home.up, ours: true },
    ...children.map((it) => ({ ...it, ours: it.name !== "nats-server" })),
  ]);
  const poller = await startPoller(home.url);
  const sessions = await startSessionsLoad(client, served, plan, await startPods(scope, home, served, plan));
  const over = new AbortController();
  const { executors, perSecond } = plan;
  const executing = playWaves(
    { url: () => home.url, random, sessions: executors, perSecond, seconds: WAVE_S, async: true },
    () => !over.signal.aborted,
  );
  const crashes: number[] = [];
  const nemeses = nemesesOf({ parts: children, links: [], own: [] }, coordinator, link)
    .filter(({ name }) => !NOT_HERE.test(name))
    .map((it) => noted(it, crashes));
  const done = await Promise.race([
    disturbAll(nemeses, plan, random),
    sessions.broken,
    executing.then(() => Promise.reject(new Error("the executors ended"))),
  ]);
  over.abort();
  const calls = await executing;
  const seen = await sessions.stop(served);
  await poller.stop();
  processes.judge(report);
  report.check("runs of up", home.up.pid() === first, home.up.pid() === first ? "1" : "several");
  report.note("done", [...done].map(([what, times]) => `${what} ${times}`).join(", "));
  await judgeEvents(home, coordinator, { calls, crashes }, report);
  reportSessions(seen, report);
  await judgeTurns(home, sessions.sessions, report);
  report.check(
    "polls of a runner",
    poller.answered() > 0,
    `${poller.answered()} answered; ${poller.failures()} failed, ${poller.worst()} in a row at most: ${poller.reasons()}`,
  );
}

/** Sessions of agents outside, that push their events. */
async function startPods(
  scope: AsyncDisposableStack,
  home: UpHome,
  { url, key }: { url: string; key: string },
  { pods, pushes, seed }: MixedPlan,
): Promise<Written[]> {
  const random = seededRandom(seed);
  const push = startPushing(scope, { urls: () => [url], key, user: USER, random });
  const ending = new AbortController();
  const deps = await registry(home, ending.signal);
  const made: Written[] = [];
  for (let i = 0; i < pods; i++) {
    const { session } = await createSession(deps, { user: USER, id: `pod-${i}`, kind: "pod", record: {} });
    made.push({
      session: { session_id: session.id, user_id: USER },
      async write(until) {
        while (!until.aborted) {
          await push(session.id, randomUUID());
          await delay(random.exponential(1000 / pushes));
        }
      },
    });
  }
  ending.abort();
  await deps.nc.close();
  return made;
}

/** Notes the moments that excuse repeats, all the while that a fault lasts: a broker that is stopped stores no checkpoint, and a link that stalls keeps answers back. */
function noted({ name, start }: Nemesis, crashes: number[]): Nemesis {
  const note = (): void => void crashes.push(Date.now());
  return {
    name,
    async start(forMs) {
      note();
      const timer = setInterval(note, NOTE_MS);
      const end = await start(forMs);
      return async () => {
        await end();
        clearInterval(timer);
        note();
      };
    },
  };
}

/** Plays faults one after the other, for the whole time. Returns how often each was played. */
async function disturbAll(
  nemeses: readonly Nemesis[],
  { minutes, calmMs }: MixedPlan,
  random: Random,
): Promise<Map<string, number>> {
  const done = new Map<string, number>();
  const began = performance.now();
  const mild = nemeses.filter(({ name }) => !KILL.test(name));
  const kills = nemeses.filter(({ name }) => KILL.test(name));
  const ofMs = minutes * 60_000;
  for (let at = 0; at < ofMs; at = performance.now() - began) {
    const deck = withKills(at, ofMs) ? [...mild, ...kills, ...kills] : mild;
    const nemesis = deck[Math.floor(random.next() * deck.length)];
    if (nemesis === undefined) continue;
    await disturb([nemesis], LEAST_MS + random.next() * (MOST_MS - LEAST_MS));
    done.set(nemesis.name, (done.get(nemesis.name) ?? 0) + 1);
    await delay(random.exponential(calmMs));
  }
  return done;
}

/** Pure. */
function withKills(atMs: number, ofMs: number): boolean {
  return ((atMs / ofMs) * STRETCHES) % 1 < WITH_KILLS;
}

async function judgeEvents(
  home: UpHome,
  coordinator: CoordinatorProcess,
  { calls, crashes }: { calls: Call[]; crashes: number[] },
  report: Report,
): Promise<void> {
  const operator = await home.connect("operator");
  const arrivals = () => arrivalsAt(coordinator);
  const dead = () => deadMarkers(operator);
  const settled = (markers: readonly string[], most: number) => areSettled({ arrivals, dead }, markers, most);
  await judge({ arrivals, dead, crashes, settled }, { calls }, report, SETTLE_MS);
  await operator.close();
}

/** Each turn that was accepted ended once, as the log has it (TURN-1, OWNER-1). */
async function judgeTurns(
  home: UpHome,
  sessions: readonly { session_id: string; user_id: string }[],
  report: Report,
): Promise<void> {
  const ending = new AbortController();
  const deps = await registry(home, ending.signal);
  const violations: string[] = [];
  let [asked, owners] = [0, 0];
  for (const { session_id: id, user_id: user } of sessions) {
    const found = await findSession(deps.jsm, user, id);
    if (found.kind !== "there") throw new Error(`${id} is not there`);
    const verdict = sessionVerdict(await wholeLog(deps.pages, found.session.name));
    const missing = verdict.asked.filter((turn) => !verdict.ended.includes(turn));
    violations.push(...verdict.violations, ...missing.map((turn) => `${turn} did not end`));
    asked += verdict.asked.length;
    owners += verdict.owners.length;
  }
  ending.abort();
  await deps.nc.close();
  const wrong = violations.slice(0, 5).join("; ");
  report.check(
    "each turn ended once, in its term",
    violations.length === 0,
    `${asked} by ${owners} owners${wrong && `: ${wrong}`}`,
  );
}
