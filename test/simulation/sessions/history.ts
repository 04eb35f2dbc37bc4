import type { Clock } from "../../../src/shared/base/clock.ts";
import { sessionsPlan, sessionStatePlan } from "../../../src/shared/session-log/plans.ts";
import { parseSessionSubject } from "../../../src/shared/session-log/subjects.ts";
import { SESSIONS_STREAM } from "../../../src/shared/session-log/topology.ts";
import type { StreamConfig } from "@nats-io/jetstream";
import { seededRandom } from "../../faults/random.ts";
import { SimBroker } from "../broker/broker.ts";
import { withGlobals } from "../globals.ts";
import { countLines } from "../lines.ts";
import { inTurn, Schedule } from "../schedule.ts";
import { SimServer, type Seen } from "./watcher.ts";
import { SimWorker, type Said } from "./worker.ts";

// Two workers want the same sessions, watchers follow them from anywhere, and things break. In the end the log, what workers were told, and what watchers saw must agree.

const SESSIONS = ["A", "B"];
const STEPS = 50;
/** Long enough for a lease to end, and for a new owner to wait until nothing of the one before can still run. */
const QUIET_MS = 7000;

export type SessionHistory = {
  problems: string[];
  hash: string;
  events: number;
  simulatedMs: number;
  codes: Iterable<[string, number]>;
  /** Appends that the broker confirmed to workers. */
  confirmed: number;
  takeovers: number;
  watched: number;
  faults: Record<string, number>;
};

type World = {
  broker: SimBroker;
  workers: SimWorker[];
  gone: SimWorker[];
  servers: SimServer[];
  seen: Seen[];
};

/** OWNER-1: behind an owner's first word nothing of an earlier owner is in the log. */
function checkOwners({ broker }: World, problems: string[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  const terms = new Map<string, Said>();
  for (const { seq, subject, data } of broker.streams.get(SESSIONS_STREAM)?.messages.values() ?? []) {
    const { session = "" } = parseSessionSubject(subject) ?? {};
    const said = JSON.parse(Buffer.from(data).toString()) as Said;
    const before = terms.get(session);
    if (said.n === 0 && before !== undefined && said.term <= before.term)
      problems.push(`OWNER-1: ${session}: ${said.worker} begins a term that is not newer`);
    if (said.n > 0 && (before?.term !== said.term || before.n !== said.n - 1))
      problems.push(
        `OWNER-1: ${session}: ${said.worker} writes ${said.n} behind ${before?.worker} ${before?.n}`,
      );
    terms.set(session, said);
    places.set(session, [...(places.get(session) ?? []), seq]);
  }
  return places;
}

function judge(world: World): string[] {
  const problems: string[] = [];
  const places = checkOwners(world, problems);
  const log = world.broker.streams.get(SESSIONS_STREAM);
  for (const worker of [...world.workers, ...world.gone])
    for (const { session, seq, term, n } of worker.confirmed) {
      const data = log?.messages.get(seq)?.data;
      const there = data === undefined ? undefined : (JSON.parse(Buffer.from(data).toString()) as Said);
      if (there?.term !== term || there.n !== n)
        problems.push(`SEEN-1: ${session}: ${seq} was confirmed and is not there`);
    }
  for (const { session, after, seqs, odd, server } of world.seen) {
    if (!server.process.alive) continue;
    const due = (places.get(session) ?? []).filter((seq) => seq > after);
    if (odd.length > 0) problems.push(`WATCH-1: ${session}: ${odd.join()}`);
    if (seqs.join() !== due.join())
      problems.push(
        `WATCH-1: ${session} from ${after}: ${seqs.length} seen, ${due.length} due; first difference at ${due.findIndex((seq, i) => seqs[i] !== seq)}`,
      );
  }
  return problems;
}

function play(seed: number, onTrace: ((line: string) => void) | undefined): SessionHistory {
  const schedule = new Schedule();
  schedule.onTrace = onTrace;
  const random = seededRandom(seed);
  const clock: Clock = { now: schedule.now, wall: schedule.wall, after: (ms, fn) => schedule.after(ms, fn) };
  const lines = countLines();
  return withGlobals(schedule, random.next, () => {
    const broker = new SimBroker(schedule, random, { syncAlways: true });
    broker.addStream(sessionsPlan({ bytes: 64 * 1024 * 1024, replicas: 1 }) as StreamConfig);
    broker.addStream(sessionStatePlan(1) as StreamConfig);
    const began = schedule.now();
    let names = 0;
    const newWorker = (): SimWorker => new SimWorker(broker, clock, random.next, ++names, SESSIONS);
    const newServer = (): SimServer => new SimServer(broker, clock, lines, ++names);
    const world: World = {
      broker,
      workers: [newWorker(), newWorker()],
      gone: [],
      servers: [newServer()],
      seen: [],
    };
    const faults: Record<string, number> = {};
    const during = (ms: number, begin: () => void, end: () => void): void => {
      begin();
      schedule.after(ms, end, null);
    };
    const ms = (most: number): number => 20 + most * random.next();
    const breakSomething: Record<string, () => void> = {
      cut_worker: () => world.workers[0]?.connection.cut(ms(4000)),
      cut_server: () => world.servers[0]?.connection.cut(ms(2000)),
      crash_broker: () => broker.crash(ms(1500)),
      stop_worker: () => {
        const [worker] = world.workers;
        if (worker !== undefined) worker.process.stoppedUntil = schedule.now() + ms(7000);
      },
      stop_server: () => {
        const [server] = world.servers;
        if (server !== undefined) server.process.stoppedUntil = schedule.now() + ms(3000);
      },
      kill_worker: () => {
        const worker = world.workers.shift();
        worker?.kill();
        if (worker !== undefined) world.gone.push(worker);
        world.workers.push(newWorker());
      },
      kill_server: () => {
        world.servers.shift()?.kill();
        world.servers.push(newServer());
      },
      busy: () =>
        during(
          ms(600),
          () => (broker.faults.busy = true),
          () => (broker.faults.busy = false),
        ),
      slow: () =>
        during(
          ms(600),
          () => (broker.faults.slowMs = ms(80)),
          () => (broker.faults.slowMs = 0),
        ),
      hang: () =>
        during(
          ms(20),
          () => (broker.faults.slowMs = 1500 + ms(2500)),
          () => (broker.faults.slowMs = 0),
        ),
      clock: () => (schedule.wallSkew += (random.next() - 0.5) * 7_200_000),
    };
    const kinds = Object.keys(breakSomething);
    for (let step = 0; step < STEPS; step++) {
      schedule.runUntil(schedule.now() + random.exponential(120));
      if (random.next() < 0.2 || step === 10 || step === 30) {
        const kind = kinds[Math.floor(random.next() * kinds.length)] ?? "";
        faults[kind] = (faults[kind] ?? 0) + 1;
        schedule.trace(kind);
        breakSomething[kind]?.();
      } else {
        const last = broker.streams.get(SESSIONS_STREAM)?.lastSeq ?? 0;
        const after = random.next() < 0.3 ? 0 : Math.floor(random.next() * (last + 1));
        const seen = world.servers[0]?.follow(SESSIONS[step % 2] ?? "", after);
        if (seen !== undefined) world.seen.push(seen);
      }
    }
    schedule.runUntil(schedule.now() + QUIET_MS);
    // nobody writes any more, and watchers catch up: also with what was written while their server was cut off, after which nothing is heard
    if (random.next() < 0.5) world.servers[0]?.connection.cut(ms(2000));
    schedule.runUntil(schedule.now() + 100);
    for (const worker of world.workers) worker.kill();
    schedule.runUntil(schedule.now() + 6000);
    for (const { seqs } of world.seen) schedule.trace(seqs.join());
    const all = [...world.workers, ...world.gone];
    return {
      problems: judge(world),
      hash: schedule.hash,
      events: schedule.steps,
      simulatedMs: schedule.now() - began,
      codes: broker.codes,
      confirmed: all.reduce((sum, { confirmed }) => sum + confirmed.length, 0),
      takeovers: all.reduce((sum, worker) => sum + worker.takeovers, 0),
      watched: world.seen.reduce((sum, { seqs }) => sum + seqs.length, 0),
      faults,
    };
  });
}

/** Runs the history of a seed, in a turn of its own. */
export function runSessionHistory(seed: number, onTrace?: (line: string) => void): Promise<SessionHistory> {
  return inTurn(() => play(seed, onTrace));
}
