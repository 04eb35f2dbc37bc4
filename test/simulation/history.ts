import { DEAD_STREAM, EVENTS_STREAM } from "../../src/shared/log/schema/topology.ts";
import type { Disk } from "./broker/broker.ts";
import type { Sent } from "./gateway.ts";
import { withGlobals } from "./globals.ts";
import { pauseFor, resumeAll } from "./operator.ts";
import { inTurn, type SimProcess } from "./schedule.ts";
import { isFault, stepsOf, type Part, type Step } from "./steps.ts";
import { heldIn, judge, type Verdict } from "./verdict.ts";
import { USUAL, World, type WorldOptions } from "./world.ts";

/** How long a world may take to become quiet after its last fault, simulated milliseconds. */
const QUIET_MS = 180_000;
const LOOK_MS = 50;
const AFTER_MS = 300;
/** Every 3 s. */
const LOOKS_TO_RESUME = 60;

export type HistoryOptions = {
  disk: Disk;
  seed: number;
  part?: Part;
  steps?: readonly Step[];
  world?: WorldOptions;
  onTrace?: (line: string) => void;
};

/** What came of a history. */
export type History = Verdict & {
  faults: [string, number][];
  hash: string;
  events: number;
  simulatedMs: number;
  world: World;
};

function send(world: World, sent: Sent): void {
  const { gateway, schedule } = world;
  sent.outcome = undefined;
  gateway.send(sent, (outcome) => {
    sent.outcome = outcome;
    const what = outcome.kind === "stored" ? `stored at ${outcome.streamSeq}` : outcome.code;
    schedule.trace(`gateway ${sent.session}:${sent.n} ${what}`);
  });
}

function during(world: World, ms: number, begin: () => void, end: () => void): void {
  begin();
  world.schedule.after(ms, end, null);
}

function stop(process: SimProcess, until: number): void {
  process.stoppedUntil = Math.max(process.stoppedUntil, until);
}

function carryOut(world: World, step: Step): void {
  const { broker, coordinator, gateway, schedule } = world;
  const [relay] = world.relays;
  const until = schedule.now() + ("ms" in step ? step.ms : 0);
  world.until.push(until);
  if (step.do !== "send") schedule.trace(step.do);
  switch (step.do) {
    case "send":
      for (let i = 0; i < step.count; i++) {
        const n = world.sent.length;
        const sent: Sent = {
          session: `s${step.session}`,
          n,
          id: `ev${n}`,
          keyed: step.keyed,
          outcome: undefined,
          gateway: undefined,
        };
        world.sent.push(sent);
        send(world, sent);
      }
      return;
    case "resend": {
      // one that waits is not put in a second time by the same gateway (repeats.ts)
      const failed = world.sent.filter(
        (it) =>
          it.keyed && (it.outcome?.kind === "failed" || (it.outcome === undefined && it.gateway !== gateway)),
      );
      const again = failed[Math.floor(world.random.next() * failed.length)];
      if (again !== undefined) send(world, again);
      return;
    }
    case "cut_gateway":
      return gateway.connection.cut(step.ms);
    case "cut_relay":
      return relay?.connection.cut(step.ms);
    case "crash_broker":
      return broker.crash(step.ms);
    case "kill_gateway":
      return world.replaceGateway();
    case "kill_relay":
      relay?.kill();
      return relay && world.replaceRelay(relay);
    case "restart_relay":
      relay?.stop();
      return relay && world.replaceRelay(relay);
    case "second_relay":
      return world.relays.length < 2 ? world.addRelay() : undefined;
    case "stop_relay":
      return relay && stop(relay.process, until);
    case "stop_gateway":
      return stop(gateway.process, until);
    case "mood":
      return during(
        world,
        step.ms,
        () => (coordinator.mood = step.mood),
        () => (coordinator.mood = "well"),
      );
    case "poison": {
      const session = `s${step.session}`;
      return during(
        world,
        step.ms,
        () => coordinator.poison.add(session),
        () => coordinator.poison.delete(session),
      );
    }
    case "full":
    case "busy":
    case "batches": {
      const { do: which } = step;
      return during(
        world,
        step.ms,
        () => (broker.faults[which] = true),
        () => (broker.faults[which] = false),
      );
    }
    case "reset_consumers":
      for (const consumer of broker.consumers.get(EVENTS_STREAM)?.values() ?? []) consumer.reset(undefined);
      return;
    case "slow":
    case "hang":
      return during(
        world,
        step.ms,
        () => (broker.faults.slowMs = step.by),
        () => (broker.faults.slowMs = 0),
      );
    case "lossy":
      return during(
        world,
        step.ms,
        () => (broker.faults.lossy = true),
        () => (broker.faults.lossy = false),
      );
    case "stale":
      return during(
        world,
        step.ms,
        () => (broker.faults.staleBy = step.by),
        () => (broker.faults.staleBy = 0),
      );
    case "clock":
      schedule.wallSkew += step.by;
      return;
    case "pause":
      return pauseFor(world, `s${step.session}`, step.ms);
    case "pause_all":
      return pauseFor(world, undefined, step.ms);
  }
}

/** Is everything that lies in the log over, and everything that was sent told? */
function isQuiet(world: World): boolean {
  const { broker, coordinator, sent } = world;
  const log = broker.streams.get(EVENTS_STREAM);
  const dead = broker.streams.get(DEAD_STREAM);
  if (log === undefined || dead === undefined) return false;
  if (world.options.relays === false) return sent.every(isTold);
  if (heldIn(world).length > 0) return false;
  const over = new Set(coordinator.arrivals.filter(({ applied }) => applied).map(({ key }) => key));
  for (const { subject } of dead.messages.values()) over.add(subject.split(".")[2] ?? "");
  const ids = new Set<string>();
  for (const { head } of log.messages.values())
    ids.add(/^Nats-Msg-Id: ([^\r]*)/m.exec(head ?? "")?.[1] ?? "");
  for (const id of ids) if (!over.has(id)) return false;
  return sent.every((it) => isTold(it) && (it.outcome?.kind !== "stored" || ids.has(it.id)));
}

/** Does the executor know, or is its gateway gone? */
function isTold({ outcome, gateway }: Sent): boolean {
  return outcome !== undefined || gateway?.process.alive !== true;
}

function sessionsOf({ sent }: World): string[] {
  return [...new Set(sent.map(({ session }) => session))];
}

function play(options: HistoryOptions): History {
  const { seed, disk, onTrace, part = "whole" } = options;
  const steps = options.steps ?? stepsOf(seed, part);
  const world = new World(
    seed,
    disk,
    {
      ...USUAL,
      ...options.world,
      relays: part !== "log",
      ...(part === "routed" ? { servers: 3, replicated: true } : {}),
    },
    onTrace &&
      ((level, fields, text) =>
        onTrace(
          `            ${level} ${text} ${JSON.stringify(fields, (_, it: unknown) => (it instanceof Error ? it.stack : it))}`,
        )),
  );
  const { schedule } = world;
  schedule.onTrace = onTrace;
  return withGlobals(schedule, world.random.next, () => {
    const began = schedule.now();
    for (const step of steps) {
      schedule.runUntil(schedule.now() + step.wait);
      carryOut(world, step);
    }
    const end = schedule.now() + QUIET_MS;
    const lastFault = Math.max(...world.until);
    if (lastFault > schedule.now()) schedule.runUntil(lastFault);
    for (let look = 1; schedule.now() < end && !isQuiet(world); look++) {
      // an operator hears of what stands still
      if (look % LOOKS_TO_RESUME === 0) resumeAll(world, sessionsOf(world));
      schedule.runUntil(schedule.now() + LOOK_MS);
    }
    const quietAt = schedule.now();
    schedule.runUntil(quietAt + AFTER_MS); // what still comes now would be a repeat
    const faults = steps
      .filter(isFault)
      .map((step): [string, number] => [step.do === "mood" ? step.mood : step.do, 1]);
    return {
      ...judge(world),
      faults,
      hash: schedule.hash,
      events: schedule.steps,
      simulatedMs: quietAt - began,
      world,
    };
  });
}

/** Runs one history to its end, in a turn of its own. */
export function runHistory(options: HistoryOptions): Promise<History> {
  return inTurn(() => play(options));
}
