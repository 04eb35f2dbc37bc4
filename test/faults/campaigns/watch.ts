import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../../src/cli/up/free-port.ts";
import type { BrokerAccess } from "../../../src/shared/log/broker.ts";
import { seededRandom, type Random } from "../random.ts";
import type { Report } from "../report.ts";
import { startService, type Service } from "../service.ts";
import { EVIDENCE } from "../stage.ts";
import { startBrokerHome, type BrokerHome } from "../watch/broker-home.ts";
import { compare } from "../watch/comparison.ts";
import { startPushing } from "../watch/pushing.ts";
import { watchSession, type Protocol, type Seen } from "../watch/watcher.ts";
import { startWriters, type Writers, type WrittenSession } from "../watch/writers.ts";

// watch/broker-home.ts is the broker, one server or three · watch/writers.ts fills the log · watch/watcher.ts comes and goes, watch/visit.ts is one connection of it ·
// watch/comparison.ts judges

/** `r1`: one server. `r3`: three that replicate. */
export const WATCH_PLAYS: readonly string[] = ["r1", "r3"];

export type WatchOptions = {
  /** One play; all without it. */
  play: string | undefined;
  seed: number;
  sessions: number;
  watchers: number;
  /** Events per second of one session. */
  perSecond: number;
  kills: number;
  stops: number;
  /** Changes of the log's leader, where there are several servers. */
  leaders: number;
  /** Events that watchers must have got, all together. */
  checked: number;
  /** Mean pause between two disturbances. */
  calmMs: number;
};

const USER = "campaign";
const KEY = "key-of-the-campaign";
const SERVERS = 3;
const FROZEN_MS = 2500;
const DOWN_MS = 500;
/** After the last event everything is there within this. */
const COMPLETE_MS = 120_000;

type Disturbance = "kill server" | "kill broker" | "stop server" | "stop broker" | "move leader";

/** Watchers that come and go while servers and broker are killed and stopped: each sees everything once and in order (WATCH-1). */
export async function watch(options: WatchOptions, report: Report): Promise<void> {
  for (const play of WATCH_PLAYS) {
    if (options.play !== undefined && options.play !== play) continue;
    await using scope = new AsyncDisposableStack();
    const random = seededRandom(options.seed);
    const broker = scope.use(await startBrokerHome(play === "r1" ? 1 : 3, random));
    const leaders = play === "r1" ? 0 : options.leaders; // one server always leads
    await perform(play, broker, random, { ...options, leaders }, report);
  }
}

async function perform(
  play: string,
  broker: BrokerHome,
  random: Random,
  options: WatchOptions,
  report: Report,
): Promise<void> {
  await using scope = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), EVIDENCE));
  const failedBefore = report.failed.length;
  scope.defer(async () => {
    if (report.failed.length === failedBefore) await rm(dir, { recursive: true, force: true });
    else report.note(`${play}: evidence`, dir);
  });
  const servers: Service[] = [];
  for (let i = 0; i < SERVERS; i++)
    servers.push(scope.use(await startServer(`serve-${i}`, broker.access("serve"), dir)));
  const { sessions: count, perSecond } = options;
  const urls = (): string[] => servers.map((it) => it.url());
  const push = startPushing(scope, { urls, key: KEY, user: USER, random });
  const writers = await startWriters(broker, { user: USER, sessions: count, perSecond, random, push });
  const written = new AbortController();
  const watching = startWatchers(writers.sessions, servers, written.signal, options);

  const done = await disturb(broker, servers, random, options, () => watching.checked());
  await writers.stop();
  written.abort();
  const late = delay(COMPLETE_MS, undefined, { ref: false }).then(() => {
    throw new Error(`not all watchers have everything after ${COMPLETE_MS / 1000} s`);
  });
  const seen = await Promise.race([watching.over, late]);
  for (const [what, times] of done) report.note(`${play}: ${what}`, String(times));
  await judge(play, writers, seen, options, report);
}

function startServer(name: string, access: BrokerAccess, dir: string): Promise<Service> {
  return freePort().then((port) =>
    startService({
      name,
      main: "sessions/main.ts",
      logFile: join(dir, `${name}.log`),
      journal: () => undefined,
      env: {
        NATS_URL: access.servers.join(","),
        NATS_USER: access.user ?? "",
        NATS_PASSWORD: access.password ?? "",
        RUNNER_RELAY_SESSIONS_PORT: String(port),
        RUNNER_RELAY_SESSIONS_API_KEY: KEY,
      },
    }),
  );
}

type Watched = { session: WrittenSession; by: Protocol; seen: Seen };
type Watching = { over: Promise<Watched[]>; checked(): number };

function startWatchers(
  sessions: readonly WrittenSession[],
  servers: readonly Service[],
  written: AbortSignal,
  { watchers, seed }: WatchOptions,
): Watching {
  let checked = 0;
  const all = Array.from({ length: watchers }, async (_, i) => {
    const session = sessions[i % sessions.length] as WrittenSession;
    // gRPC shows what was pushed one by one, and joins the pieces of a worker's texts
    const ways: Protocol[] = session.kind === "pod" ? ["sse", "socket", "grpc"] : ["sse", "socket"];
    const by = ways[Math.floor(i / sessions.length) % ways.length] ?? "sse";
    const seen = await watchSession({
      session: session.id,
      user: USER,
      key: KEY,
      by,
      servers: () => servers.map((it) => it.url()),
      random: seededRandom(seed + i),
      written,
      last: () => session.last,
      got: () => void checked++,
    });
    return { session, by, seen };
  });
  const over = Promise.all(all);
  over.catch(() => undefined); // awaited when all is written
  return { over, checked: () => checked };
}

/** Disturbs one thing after the other, until enough was done and seen. Returns how often each was done. */
async function disturb(
  broker: BrokerHome,
  servers: readonly Service[],
  random: Random,
  options: WatchOptions,
  checked: () => number,
): Promise<Map<Disturbance, number>> {
  const many = (count: number, what: Disturbance): Disturbance[] => Array.from({ length: count }, () => what);
  const [kills, stops] = [Math.ceil(options.kills / 2), Math.ceil(options.stops / 2)];
  const all = [
    ...many(kills, "kill server"),
    ...many(kills, "kill broker"),
    ...many(stops, "stop server"),
    ...many(stops, "stop broker"),
    ...many(options.leaders, "move leader"),
  ];
  const done = new Map<Disturbance, number>();
  let due = random.shuffled(all);
  while (due.length > 0 || checked() < options.checked) {
    if (due.length === 0) due = random.shuffled(all);
    await delay(random.exponential(options.calmMs));
    const what = due.pop() as Disturbance;
    const server = servers[Math.floor(random.next() * servers.length)] as Service;
    done.set(what, (done.get(what) ?? 0) + 1);
    if (what === "kill server") await server.kill9(random.exponential(DOWN_MS));
    if (what === "kill broker") await broker.kill(random.exponential(DOWN_MS));
    if (what === "stop broker") await broker.freeze(random.exponential(FROZEN_MS));
    if (what === "move leader") await broker.moveLeader().catch(() => undefined); // none answers at the moment
    if (what === "stop server") {
      server.signal("SIGSTOP");
      await delay(random.exponential(FROZEN_MS));
      server.signal("SIGCONT");
    }
  }
  return done;
}

async function judge(
  play: string,
  writers: Writers,
  watched: readonly Watched[],
  options: WatchOptions,
  report: Report,
): Promise<void> {
  const stored = new Map<string, number[]>();
  for (const session of writers.sessions) stored.set(session.id, await writers.stored(session));
  const found = watched.map(({ session, by, seen }) => ({
    session: session.id,
    // that the session was made is no message
    ...compare(seen.seqs, (stored.get(session.id) ?? []).slice(by === "grpc" ? 1 : 0)),
    marks: seen.marks,
    visits: seen.visits,
  }));
  const checked = found.reduce((sum, it) => sum + it.checked, 0);
  const visits = found.reduce((sum, it) => sum + it.visits, 0);
  const least = options.checked;
  report.note(`${play}: events stored, visits`, `${writers.count()}, ${visits}`);
  report.check(`${play}: events checked`, checked >= least, `${checked} (at least ${least})`);
  for (const what of ["gaps", "repeats", "inversions", "strangers", "marks"] as const) {
    const wrong = found.filter((it) => it[what].length > 0);
    const examples = wrong.slice(0, 3).map((it) => `${it.session}: ${it[what].slice(0, 5).join(" ")}`);
    const total = wrong.reduce((sum, it) => sum + it[what].length, 0);
    report.check(`${play}: ${what}`, total === 0, [String(total), ...examples].join("; "));
  }
}
