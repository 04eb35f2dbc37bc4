import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isCoded } from "../../../src/shared/base/errors.ts";
import { eventJson, readSessionEvent } from "../../../src/shared/session-log/event/session-event.ts";
import type { StoredEvent } from "../../../src/shared/session-log/follow/stored-event.ts";
import { createSession } from "../../../src/shared/session-log/registry/create.ts";
import type { Session } from "../../../src/shared/session-log/registry/entry.ts";
import { patiently } from "../../../src/shared/session-log/patiently.ts";
import { requestTurn } from "../../../src/shared/session-log/turns/request.ts";
import { MARK } from "../../../src/guard/kill.ts";
import { registry, sessionsBroker, type Registry } from "../../integration/session-log/harness.ts";
import { ms, quantile, type Report } from "../report.ts";
import type { Service } from "../service.ts";
import { startWorkerService } from "../worker-service.ts";

/** `withGuard`: every so many kills, the guard of the worker's agents is killed with it. */
export type OrphansPlan = { kills: number; withGuard: number; sessions: number };

/** How long programs may outlive their worker (LEFT-1). */
const MOST_MS = 5000;
const LOOK_MS = 20;
const END_MS = 120_000;

type Stage = { pids: string; client: Registry; workers: Service[]; sessions: Session[] };

/** LEFT-1: two workers, killed again and again while agents run, of which most leave their process group. */
export async function orphans(plan: OrphansPlan, report: Report): Promise<void> {
  await using scope = new AsyncDisposableStack();
  const stage = await startStage(plan, scope);
  const asking = new AbortController();
  const asked = Promise.all(stage.sessions.map((session) => ask(stage, session, asking.signal)));
  asked.catch(() => undefined); // awaited below
  const alone: number[] = [];
  const together: number[] = [];
  for (let kill = 1; kill <= plan.kills; kill++) {
    const victim = stage.workers[kill % stage.workers.length];
    if (victim === undefined) continue;
    const isTogether = kill % plan.withGuard === 0;
    (isTogether ? together : alone).push(await killed(stage, victim, isTogether));
  }
  asking.abort();
  const total = (await asked).reduce((sum, count) => sum + count, 0);
  const { ended, interrupted } = await untilEnded(stage, total);
  report.note("kills", `${alone.length} of a worker, ${together.length} with its guard`);
  const worst = (times: readonly number[]): string =>
    `p50 ${ms(quantile(times, 0.5))}, at most ${ms(Math.max(...times))}`;
  report.check("nothing left of a killed worker's agents", alone.every(within), worst(alone));
  report.check(
    "nothing left behind the next start, if the guard died too",
    together.every(within),
    worst(together),
  );
  report.check("each accepted turn ended once", ended === total, `${ended} of ${total}`);
  report.check("turns were cut", interrupted > 0, `${interrupted} interrupted`);
}

const within = (time: number): boolean => time <= MOST_MS;

async function startStage({ sessions: count }: OrphansPlan, scope: AsyncDisposableStack): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), "rr-orphans-"));
  scope.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  const broker = scope.use(await sessionsBroker());
  const ending = new AbortController();
  scope.defer(() => ending.abort());
  const client = await registry(broker, ending.signal);
  const sessions = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const record = { workspace_dir: join(dir, "workspaces", `s${i}`) };
      return (await createSession(client, { user: "ann", id: `s${i}`, kind: "worker", record })).session;
    }),
  );
  const workers: Service[] = [];
  for (const name of ["w0", "w1"]) workers.push(scope.use(await startWorkerService(broker, name, dir)));
  return { pids: join(dir, "workspaces-pids"), client, workers, sessions };
}

/** Asks for one turn after the other. Returns how many were accepted. */
async function ask({ client }: Stage, session: Session, signal: AbortSignal): Promise<number> {
  let accepted = 0;
  while (!signal.aborted) {
    try {
      await requestTurn(client, session, `${session.id}-${accepted}`, Buffer.from("{}"));
      accepted++;
    } catch (error) {
      if (!isCoded(error, "turns_full")) throw error;
    }
    await delay(400);
  }
  return accepted;
}

/** Kills a worker as soon as an agent of it runs; how long anything of its agents lived on: from the kill or, with the guard, from when a worker was there again. */
async function killed(stage: Stage, victim: Service, withGuard: boolean): Promise<number> {
  await victim.ready();
  let marks: string[] = [];
  for (; marks.length === 0; await delay(LOOK_MS)) marks = marksOf(stage, victim);
  if (withGuard)
    for (const pid of childrenOf(victim.pid() ?? 0, "guard/process")) process.kill(pid, "SIGKILL");
  await victim.kill9();
  if (withGuard) await victim.ready();
  const from = performance.now();
  while (marks.some((mark) => lives(`${MARK}=${mark}`)) && performance.now() - from < 2 * MOST_MS)
    await delay(LOOK_MS);
  return performance.now() - from;
}

/** Marks of the programs that a worker runs now. */
function marksOf({ pids }: Stage, { pid }: Service): string[] {
  const own = `${pid()}.`;
  try {
    return readdirSync(pids)
      .filter((name) => name.startsWith(own))
      .map((name) => name.split(".")[2] ?? "");
  } catch {
    return []; // nothing ran yet
  }
}

function lives(entry: string): boolean {
  return processes().some((pid) => read(`/proc/${pid}/environ`).split("\0").includes(entry));
}

function childrenOf(parent: number, words: string): number[] {
  return processes().filter(
    (pid) =>
      read(`/proc/${pid}/status`).includes(`PPid:\t${parent}\n`) &&
      read(`/proc/${pid}/cmdline`).includes(words),
  );
}

function processes(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // gone meanwhile
  }
}

function isInterrupted(stored: StoredEvent): boolean {
  const read = readSessionEvent(stored);
  return "event" in read && eventJson(read.event).includes('"interrupted"');
}

async function untilEnded(
  { client, sessions }: Stage,
  total: number,
): Promise<{ ended: number; interrupted: number }> {
  const filter = { subjects_filter: "rr.ses.*.out.turn_ended" };
  for (const end = performance.now() + END_MS; performance.now() < end; await delay(200)) {
    const { state } = await patiently(() => client.jsm.streams.info("RR_SESSIONS", filter), client);
    if (Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0) >= total) break;
  }
  let ended = 0;
  let interrupted = 0;
  for (const { name } of sessions) {
    for (let from = 1, more = true; more;) {
      const page = await client.pages.read(`rr.ses.${name}.out.turn_ended`, from);
      ({ more } = page);
      from = (page.events.at(-1)?.seq ?? 0) + 1;
      ended += page.events.length;
      interrupted += page.events.filter(isInterrupted).length;
    }
  }
  return { ended, interrupted };
}
