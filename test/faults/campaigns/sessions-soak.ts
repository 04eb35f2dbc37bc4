import { setTimeout as delay } from "node:timers/promises";
import { keepSweeping } from "../../../src/cli/up/housekeeping.ts";
import { isNotice, openSessions, type Session, type Sessions } from "../../../src/client/sessions/index.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import { findNginx } from "../../support/nginx.ts";
import { seededRandom, type Random } from "../random.ts";
import { restart, startReplicas, type ReplicasHome } from "../replicas/home.ts";
import { storedIn } from "../replicas/stored.ts";
import { firstChildOf, watchProcesses } from "../replicas/watched-process.ts";
import type { Report } from "../report.ts";
import { compare } from "../watch/comparison.ts";
import { watchSession, type Seen } from "../watch/watcher.ts";

export type SessionsSoakPlan = {
  seed: number;
  minutes: number;
  /** Sessions that stay, each with one turn after the other. */
  sessions: number;
  /** Watchers that come and go, all together. */
  watchers: number;
  /** Sessions at a time that are made, used for one turn, and deleted. */
  brief: number;
  /** Events of a turn, and the pause behind each. */
  events: number;
  everyMs: number;
  /** Pause between two restarts. */
  restartMs: number;
};

/** What stays: limits of what is deleted are not what is tried here. */
const LIMITS = { maxAge: 24 * 3_600_000, maxBytes: 64 * 1024 ** 2 };

/**
 * Turns, watchers and restarts for a long time: memory and descriptors stay where they are in every process that is not restarted, and nobody misses anything (BOUND-1,
 * WATCH-1, TURN-1).
 */
export async function sessionsSoak(plan: SessionsSoakPlan, report: Report): Promise<void> {
  const nginx = await findNginx();
  if ("missing" in nginx) return report.check("nginx", false, nginx.missing);
  await using scope = new AsyncDisposableStack();
  const home = scope.use(await startReplicas(nginx.path, { servers: 2, workers: 2, ...plan }));
  scope.defer(
    keepSweeping({
      access: home.broker.access("session-prune"),
      limits: LIMITS,
      clock: systemClock,
      log: silentLogger(),
    }),
  );
  const client = scope.use(openSessions({ url: home.url, key: home.key }));
  const nginxWorker = await firstChildOf(home.nginx.pid);
  const pidOf = (it: { pid(): number | undefined } | undefined) => () => it?.pid() ?? 0;
  const processes = watchProcesses([
    { name: "serve", pid: pidOf(home.servers[0]), ours: true },
    { name: "worker", pid: pidOf(home.workers[0]), ours: true },
    { name: "nats-server", pid: home.broker.pid, ours: false },
    { name: "nginx", pid: () => nginxWorker, ours: false },
  ]);
  const done = await play(home, client, plan);
  processes.judge(report);
  report.note("restarts of another server and worker", String(done.restarts));
  report.note("turns", [...done.outcomes].map(([what, count]) => `${count} ${what}`).join(", "));
  report.check("events that watchers got", done.checked > 0, String(done.checked));
  report.check(
    "missed, repeated, out of order",
    done.wrong.length === 0,
    done.wrong.slice(0, 5).join("; ") || "0",
  );
}

type Done = { restarts: number; outcomes: Map<string, number>; checked: number; wrong: string[] };

async function play(home: ReplicasHome, client: Sessions, plan: SessionsSoakPlan): Promise<Done> {
  const random = seededRandom(plan.seed);
  const ending = new AbortController();
  const written = new AbortController();
  const lasts = new Map<string, number[]>();
  const outcomes = new Map<string, number>();
  const goOn = (): boolean => !ending.signal.aborted;
  const tell = (outcome: string): void => void outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  const sessions = await Promise.all(Array.from({ length: plan.sessions }, () => client.createSession()));
  const watching = Promise.all(watchAll(home, sessions, { ...plan, written: written.signal, lasts }));
  const working = Promise.all([
    ...sessions.map(async (session) => {
      while (goOn()) tell(await turnOf(client, session, random));
    }),
    ...Array.from({ length: plan.brief }, async () => {
      while (goOn()) {
        const session = await client.createSession();
        tell(await turnOf(client, session, random));
        await client.delete(session);
      }
    }),
  ]);
  const both = Promise.all([watching, working]);
  both.catch(() => undefined); // awaited below
  const restarts = await restartAgain(home, plan);
  ending.abort();
  await working;
  const direct = { url: home.servers[0]?.url() ?? "", key: home.key };
  for (const [id, seqs] of await storedIn(direct, sessions)) lasts.set(id, seqs);
  written.abort();
  const seen = await watching;
  return {
    restarts,
    outcomes,
    checked: seen.reduce((sum, it) => sum + it.seqs.length, 0),
    wrong: seen.flatMap((it) => wrongOf(it, lasts.get(it.id) ?? [])),
  };
}

/** One server and one worker are restarted in turn; the others stay. Returns how often. */
async function restartAgain({ servers, workers }: ReplicasHome, plan: SessionsSoakPlan): Promise<number> {
  let restarts = 0;
  for (const end = performance.now() + plan.minutes * 60_000; performance.now() < end; restarts++) {
    await delay(plan.restartMs);
    const victim = restarts % 3 === 2 ? workers[1] : servers[1];
    if (victim !== undefined) await restart(victim);
  }
  return restarts;
}

/** A turn, which is cancelled at times. Returns how it ended. */
async function turnOf(client: Sessions, session: Session, random: Random): Promise<string> {
  const cancelled = random.next() < 0.2;
  for await (const item of client.execute(session, "go on")) {
    if (isNotice(item)) return item.type;
    if (item.type === "turn_ended") return String(item.data["outcome"]);
    if (cancelled && item.type === "tool_result" && item.data["i"] === 5 && item.turn_id !== undefined)
      await client.cancel(session, item.turn_id);
  }
  return "without an end";
}

function watchAll(
  { url, key }: ReplicasHome,
  sessions: readonly Session[],
  of: { watchers: number; seed: number; written: AbortSignal; lasts: ReadonlyMap<string, number[]> },
): Promise<Seen & { id: string }>[] {
  return Array.from({ length: of.watchers }, async (_, i) => {
    const { session_id: id, user_id: user } = sessions[i % sessions.length] as Session;
    const seen = await watchSession({
      session: id,
      user,
      key,
      by: Math.floor(i / sessions.length) % 2 === 0 ? "sse" : "socket",
      servers: () => [url],
      random: seededRandom(of.seed + i),
      written: of.written,
      last: () => of.lasts.get(id)?.at(-1) ?? 0,
      got: () => undefined,
    });
    return { ...seen, id };
  });
}

function wrongOf({ id, seqs, marks }: Seen & { id: string }, stored: readonly number[]): string[] {
  const { gaps, repeats, inversions, strangers } = compare(seqs, stored);
  return Object.entries({ gaps, repeats, inversions, strangers, marks }).flatMap(([what, list]) =>
    list.length === 0 ? [] : [`${id}: ${what} ${list.slice(0, 5).join(" ")}`],
  );
}
