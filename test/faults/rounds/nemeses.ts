import { setTimeout as delay } from "node:timers/promises";
import type { CoordinatorProcess, FaultRule } from "../../support/coordinator.ts";
import { seededRandom, type Random } from "../random.ts";
import type { Link, LinkState } from "../../support/link.ts";
import type { OwnNemesis, Part, Subject } from "./subject.ts";

/** What is done to a subject: begins, and returns what ends it. */
export type Nemesis = OwnNemesis;

/** Longest absence of a process that was killed: a supervisor's pause before it starts it again. */
const MOST_DOWN_MS = 500;
const KILL = "kill -9: ";
const COORDINATOR_KILLED = `${KILL}coordinator`;
const SLOW_LINK_MS = 200;
/** What Linux waits at least before it sends a packet again. */
const SENT_AGAIN_MS = 200;
const LOST = 0.05;
/** Ends of the markers that the coordinator refuses for good in the round of the poison: sessions that do not wait for its answer, and events that are sent meanwhile. */
const POISON = [0, 2, 4].map((session) => `-${session}:15"`);

/** Everything that can be done to a subject and to its coordinator. `coordinatorLink` is the network between the two. */
export function nemesesOf(
  subject: Pick<Subject, "parts" | "links" | "own">,
  coordinator: CoordinatorProcess,
  coordinatorLink: Link,
): Nemesis[] {
  const { parts, links, own } = subject;
  return [
    ...parts.flatMap((part) => [killOf(part), stopOf(part)]),
    killOfAll(parts),
    ...[...links, coordinatorLink].flatMap(disturbancesOf),
    coordinatorKilled(coordinator),
    coordinatorStopped(coordinator),
    ...Object.entries(COORDINATOR_FAULTS).map(([name, rules]) => faultsOf(coordinator, name, rules)),
    ...own,
  ];
}

const WRITES = "^/sessions/";
const COORDINATOR_FAULTS: Record<string, FaultRule[]> = {
  "coordinator answers 503": [{ path: WRITES, action: { kind: "status", status: 503 } }],
  "coordinator answers 503 now and then": [
    { path: WRITES, probability: 0.2, action: { kind: "status", status: 503 } },
  ],
  "coordinator hangs": [{ path: WRITES, action: { kind: "hang" } }],
  "coordinator's answers are lost": [
    { path: WRITES, probability: 0.3, apply: true, action: { kind: "reset", at: "before_head" } },
  ],
  "coordinator is slow": [{ path: WRITES, action: { kind: "delay", ms: 150 } }],
  "coordinator answers 401": [{ path: WRITES, action: { kind: "status", status: 401 } }],
  "coordinator answers with a web page": [{ action: { kind: "html" } }],
  "coordinator refuses one event of three sessions (422)": POISON.map((body) => {
    return { path: WRITES, body, action: { kind: "status", status: 422, body: { detail: "refused" } } };
  }),
};

function killOf(part: Part): Nemesis {
  return {
    name: KILL + part.name,
    async start(forMs) {
      await part.kill9(Math.min(forMs, MOST_DOWN_MS));
      return () => part.ready();
    },
  };
}

function killOfAll(parts: readonly Part[]): Nemesis {
  return {
    name: `${KILL}all at once`,
    async start(forMs) {
      await Promise.all(parts.map((part) => part.kill9(Math.min(forMs, MOST_DOWN_MS))));
      return async () => void (await Promise.all(parts.map((part) => part.ready())));
    },
  };
}

function stopOf(part: Part): Nemesis {
  return {
    name: `stop: ${part.name}`,
    async start() {
      part.signal("SIGSTOP");
      return async () => part.signal("SIGCONT");
    },
  };
}

function disturbancesOf(link: Pick<Link, "name" | "set">): Nemesis[] {
  const states: Record<string, LinkState> = {
    cut: { kind: "cut" },
    stalled: { kind: "stalled" },
    delayed: { kind: "slow", ms: SLOW_LINK_MS },
    "as with lost packets": { kind: "lossy", chance: LOST, ms: SENT_AGAIN_MS },
  };
  return Object.entries(states).map(([how, state]) => ({
    name: `link ${how}: ${link.name}`,
    async start() {
      link.set(state);
      return async () => link.set({ kind: "open" });
    },
  }));
}

function coordinatorKilled(coordinator: CoordinatorProcess): Nemesis {
  return {
    name: COORDINATOR_KILLED,
    async start() {
      await coordinator.kill9();
      return () => coordinator.start();
    },
  };
}

function coordinatorStopped(coordinator: CoordinatorProcess): Nemesis {
  return {
    name: "stop: coordinator",
    async start() {
      process.kill(coordinator.pid(), "SIGSTOP");
      return async () => void process.kill(coordinator.pid(), "SIGCONT");
    },
  };
}

function faultsOf(coordinator: CoordinatorProcess, name: string, rules: FaultRule[]): Nemesis {
  return {
    name,
    async start() {
      await coordinator.setFaults(rules);
      return () => coordinator.setFaults([]);
    },
  };
}

/** What is done in one round, by names, for how long, and the chance of its writers. */
export type Plan = { nemeses: string[]; forMs: number; random: Random };

const LEAST_MS = 600;
const MOST_MS = 3000;

/**
 * The plan of a round, counted from 1: a deck of all names is shuffled and dealt, then shuffled again, so that each has its turn, and a round has the same plan in whatever
 * piece of a run it is played. Half of the coordinator's troubles have a kill beside them. Pure.
 */
export function planOf(seed: number, round: number, names: readonly string[]): Plan {
  const deck = Math.floor((round - 1) / names.length);
  const first = seededRandom(seed + deck * 7919).shuffled(names)[(round - 1) % names.length] ?? "";
  const random = seededRandom(seed ^ Math.imul(round, 0x9e3779b1));
  const kills = names.filter((name) => name.startsWith(KILL) && name !== COORDINATOR_KILLED);
  const second = first.includes("coordinator") && random.next() < 0.5 ? random.shuffled(kills)[0] : undefined;
  return {
    nemeses: second === undefined ? [first] : [first, second],
    forMs: LEAST_MS + random.next() * (MOST_MS - LEAST_MS),
    random,
  };
}

/** Plays nemeses side by side for their time, and returns when they are over. */
export async function disturb(nemeses: readonly Nemesis[], forMs: number): Promise<void> {
  const ends: (() => Promise<void>)[] = [];
  for (const nemesis of nemeses) ends.push(await nemesis.start(forMs));
  await delay(forMs);
  for (const end of ends) await end();
}
