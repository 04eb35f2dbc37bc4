import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isCoded } from "../../../src/shared/base/errors.ts";
import { leaseHolder } from "../../../src/shared/session-log/ownership/lease.ts";
import { createSession } from "../../../src/shared/session-log/registry/create.ts";
import type { Session } from "../../../src/shared/session-log/registry/entry.ts";
import { patiently } from "../../../src/shared/session-log/patiently.ts";
import { cancelTurn, requestTurn } from "../../../src/shared/session-log/turns/request.ts";
import { registry, sessionsBroker, type Registry } from "../../integration/session-log/harness.ts";
import type { TestBroker } from "../../support/broker.ts";
import { seededRandom, type Random } from "../random.ts";
import { ms, quantile, type Report } from "../report.ts";
import type { Service } from "../service.ts";
import { lateWrites, sessionVerdict } from "../session-verdict.ts";
import { wholeLog } from "../whole-log.ts";
import { endOf, startLink, type Link } from "../../support/link.ts";
import { startWorkerService } from "../worker-service.ts";

export type TurnsPlan = {
  seed: number;
  workers: number;
  sessions: number;
  /** How long faults are done. */
  forMs: number;
};

/** Pause between two faults: long enough that turns go on in between. */
const PAUSE_MS = 1500;
/** Most that a takeover may take, from the dead worker's last renewal (docs/performance.md). */
const TAKEOVER_MS = 5000;
/** Turns that are still asked for when the faults are over have this long to end. */
const END_MS = 120_000;

/** `network`: what lies between it and the broker. */
type Worker = { service: Service; network: Link };

type Stage = {
  dir: string;
  broker: TestBroker;
  client: Registry;
  workers: Worker[];
  sessions: Session[];
  random: Random;
};

/** TURN-1, OWNER-1: three workers that are killed and stopped, and a broker that is killed, under sessions whose agents write files. */
export async function turns(plan: TurnsPlan, report: Report): Promise<void> {
  await using scope = new AsyncDisposableStack();
  const stage = await startStage(plan, scope);
  const asking = new AbortController();
  const asked = Promise.all(stage.sessions.map((session) => ask(stage, session, asking.signal)));
  asked.catch(() => undefined); // awaited below
  const takeovers = await disturb(stage, plan.forMs, report);
  asking.abort();
  const total = (await asked).reduce((sum, count) => sum + count, 0);
  await untilEnded(stage, total);
  await judge(stage, total, report);
  const slowest = Math.max(...takeovers);
  report.note(
    "takeovers of killed workers' sessions",
    `${takeovers.length}, p50 ${ms(quantile(takeovers, 0.5))}`,
  );
  report.check("takeover from the last renewal", slowest <= TAKEOVER_MS, `${ms(slowest)} at most`);
}

async function startStage(plan: TurnsPlan, scope: AsyncDisposableStack): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), "rr-turns-"));
  scope.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  const broker = scope.use(await sessionsBroker());
  const ending = new AbortController();
  scope.defer(() => ending.abort());
  const client = await registry(broker, ending.signal);
  const sessions = await Promise.all(
    Array.from({ length: plan.sessions }, async (_, i) => {
      const record = { workspace_dir: join(dir, "workspaces", `s${i}`) };
      const request = { user: "ann", id: `s${i}`, kind: "worker" as const, record };
      return (await createSession(client, request)).session;
    }),
  );
  const workers: Worker[] = [];
  for (let i = 0; i < plan.workers; i++) {
    const network = scope.use(await startLink(`worker ${i} – broker`, endOf(broker.url)));
    const url = `nats://${network.address}`;
    const service = scope.use(await startWorkerService(broker, `w${i}`, dir, url));
    workers.push({ service, network });
  }
  return { dir, broker, client, workers, sessions, random: seededRandom(plan.seed) };
}

/** Asks for one turn after the other, and cancels some. Returns how many were accepted. */
async function ask({ client, random }: Stage, session: Session, signal: AbortSignal): Promise<number> {
  let accepted = 0;
  while (!signal.aborted) {
    const turn = `${session.id}-${accepted}`;
    try {
      await requestTurn(client, session, turn, Buffer.from("{}"));
      accepted++;
      if (random.next() < 0.15) await cancelTurn(client, session, turn);
    } catch (error) {
      if (!isCoded(error, "turns_full")) throw error;
    }
    await delay(600 + random.next() * 1200);
  }
  return accepted;
}

/** Kills and stops workers and kills the broker. Returns how long each takeover of a killed worker's session took, from its last renewal. */
async function disturb(stage: Stage, forMs: number, report: Report): Promise<number[]> {
  const { workers, broker, random } = stage;
  const done = { kill: 0, stop: 0, stall: 0, broker: 0 };
  const takeovers: number[] = [];
  for (const end = performance.now() + forMs; performance.now() < end; await delay(PAUSE_MS)) {
    const victim = workers[Math.floor(random.next() * workers.length)];
    const dice = random.next();
    if (victim === undefined) continue;
    if (dice < 0.35) {
      done.kill++;
      const held = await heldBy(stage, victim.service.name);
      await victim.service.kill9(6000); // so that another one takes over
      takeovers.push(...(await Promise.all(held.map((it) => takenOver(stage, it)))).flat());
      await victim.service.ready();
    } else if (dice < 0.6) {
      done.stop++;
      victim.service.signal("SIGSTOP");
      await delay(2000 + random.next() * 8000);
      victim.service.signal("SIGCONT");
    } else if (dice < 0.85) {
      done.stall++;
      victim.network.set({ kind: "stalled" });
      await delay(2000 + random.next() * 6000);
      victim.network.set({ kind: "open" });
    } else {
      done.broker++;
      await broker.kill9();
      await delay(random.next() * 1500);
      await broker.restart();
    }
  }
  report.note(
    "done",
    `workers killed ${done.kill}, stopped ${done.stop}, cut off ${done.stall} times; the broker killed ${done.broker} times`,
  );
  return takeovers;
}

type Held = { session: Session; renewed: number; owner: number };
type Found = { seq: number; at: number };

/** The newest message of a subject, as soon as the broker answers. */
async function newest({ client }: Stage, stream: string, last_by_subj: string): Promise<Found> {
  const found = await patiently(() => client.jsm.streams.getMessage(stream, { last_by_subj }), client);
  return { seq: found?.seq ?? 0, at: found?.time.getTime() ?? 0 };
}

const newestOwner = (stage: Stage, { name }: Session): Promise<Found> =>
  newest(stage, "RR_SESSIONS", `rr.ses.${name}.out.owner`);

/** The sessions that a worker has, when each lease was renewed last, and where its owner said so. */
async function heldBy(stage: Stage, worker: string): Promise<Held[]> {
  const { client, sessions } = stage;
  const found = await Promise.all(
    sessions.map(async (session) => {
      const { name } = session;
      if ((await patiently(() => leaseHolder(client.jsm, name), client)) !== worker) return undefined;
      const { at: renewed } = await newest(stage, "KV_RR_SES_STATE", `$KV.RR_SES_STATE.lease.${name}`);
      return { session, renewed, owner: (await newestOwner(stage, session)).seq };
    }),
  );
  return found.filter((it) => it !== undefined);
}

/** Waits until a session has another owner, if a turn ran in it; the time from the last renewal of the one before. */
async function takenOver(stage: Stage, { session, renewed, owner }: Held): Promise<number[]> {
  const filter = { last_by_subj: `rr.ses.${session.name}.out.>` };
  const last = await patiently(
    () => stage.client.jsm.streams.getMessage("RR_SESSIONS", filter),
    stage.client,
  );
  if (last?.subject.endsWith(".turn_ended") === true) return [];
  for (;;) {
    const { seq, at } = await newestOwner(stage, session);
    if (seq > owner) return [at - renewed];
    await delay(20);
  }
}

async function untilEnded({ client }: Stage, total: number): Promise<void> {
  const info = { subjects_filter: "rr.ses.*.out.turn_ended" };
  for (const end = performance.now() + END_MS; performance.now() < end; await delay(200)) {
    const { state } = await patiently(() => client.jsm.streams.info("RR_SESSIONS", info), client);
    const ended = Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
    if (ended >= total) return;
  }
}

async function judge({ dir, client, sessions }: Stage, total: number, report: Report): Promise<void> {
  const violations: string[] = [];
  let [ended, owners, lines, late] = [0, 0, 0, 0];
  for (const session of sessions) {
    const verdict = sessionVerdict(await wholeLog(client.pages, session.name));
    violations.push(...verdict.violations.map((it) => `${session.id}: ${it}`));
    const missing = verdict.asked.filter((turn) => !verdict.ended.includes(turn));
    violations.push(...missing.map((turn) => `${turn} did not end`));
    ended += verdict.ended.length;
    owners += verdict.owners.length;
    const written = await readFile(join(dir, "workspaces", session.id, "writes"), "utf8").catch(() => "");
    lines += written.split("\n").length - 1;
    late += lateWrites(written, verdict).length;
  }
  const runs = (await readFile(join(dir, "runs"), "utf8")).trim().split("\n");
  const twice = runs.length - new Set(runs).size;
  report.note("log", `${owners} owners of ${sessions.length} sessions, ${lines} lines written by agents`);
  report.check("each accepted turn ended once", ended === total, `${ended} of ${total}`);
  report.check("no turn ran twice", twice === 0, `${twice}`);
  report.check(
    "order, terms and numbers",
    violations.length === 0,
    violations.slice(0, 5).join("; ") || "as they must be",
  );
  report.check("nothing written by an owner before", late === 0 && lines > 0, `${late} lines`);
}
