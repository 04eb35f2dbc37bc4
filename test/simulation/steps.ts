import { seededRandom, type Random } from "../faults/random.ts";
import type { Mood } from "./coordinator.ts";

// A history is a list of steps that a seed makes. A shorter list is a history as well, which is how a counterexample is made small (shrink.ts).

export type Fault =
  | { do: "cut_gateway" | "cut_relay"; ms: number }
  | { do: "crash_broker"; ms: number }
  | { do: "kill_gateway" | "kill_relay" | "restart_relay" | "second_relay" }
  | { do: "stop_relay" | "stop_gateway"; ms: number }
  | { do: "mood"; mood: Mood; ms: number }
  | { do: "poison"; session: number; ms: number }
  | { do: "full" | "busy" | "batches"; ms: number }
  | { do: "slow" | "hang"; ms: number; by: number }
  | { do: "lossy"; ms: number }
  | { do: "stale"; ms: number; by: number }
  | { do: "reset_consumers" }
  | { do: "clock"; by: number }
  | { do: "pause"; session: number; ms: number }
  | { do: "pause_all"; ms: number };

export type Step = { wait: number } & (
  | { do: "send"; session: number; count: number; keyed: boolean }
  | { do: "resend" }
  | Fault
);

const SESSIONS = 4;

const MOODS: readonly Mood[] = ["unavailable", "refusing", "losing_answers", "slow", "unauthorized", "html"];

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random.next() * list.length)] as T;
}

function between(random: Random, least: number, most: number): number {
  return Math.round(least + random.next() * (most - least));
}

type Maker = (random: Random) => Fault;

/** What part of the way of an event a history is about: into the log only, which is quick to run, the whole, or the whole where the broker is several servers. */
export type Part = "log" | "whole" | "routed";

/** Faults on the way into the log, equally likely. */
const LOG_FAULTS: readonly Maker[] = [
  (r) => ({ do: "cut_gateway", ms: between(r, 5, 1500) }),
  (r) => ({ do: "crash_broker", ms: between(r, 20, 1200) }),
  () => ({ do: "kill_gateway" }),
  (r) => ({ do: "stop_gateway", ms: between(r, 100, 5000) }),
  (r) => ({ do: "full", ms: between(r, 5, 300) }),
  (r) => ({ do: "busy", ms: between(r, 5, 300) }),
  (r) => ({ do: "batches", ms: between(r, 5, 300) }),
  (r) => ({ do: "slow", ms: between(r, 5, 300), by: between(r, 5, 60) }),
  (r) => ({ do: "hang", ms: between(r, 5, 30), by: between(r, 2900, 4500) }),
  (r) => ({ do: "clock", by: between(r, -3_600_000, 3_600_000) }),
];

/** Somebody else resets the consumers. */
const RESET: Maker = () => ({ do: "reset_consumers" });

/** Every kind of fault, equally likely. */
const FAULTS: readonly Maker[] = [
  (r) => ({ do: "cut_gateway", ms: between(r, 30, 1500) }),
  (r) => ({ do: "cut_relay", ms: between(r, 30, 1500) }),
  (r) => ({ do: "crash_broker", ms: between(r, 50, 1200) }),
  () => ({ do: "kill_gateway" }),
  () => ({ do: "kill_relay" }),
  () => ({ do: "restart_relay" }),
  () => ({ do: "second_relay" }),
  () => ({ do: "second_relay" }),
  RESET,
  (r) => ({ do: "stop_relay", ms: between(r, 500, 7000) }),
  (r) => ({ do: "stop_gateway", ms: between(r, 100, 3000) }),
  (r) => ({ do: "mood", mood: pick(r, MOODS), ms: between(r, 50, 1500) }),
  (r) => ({ do: "mood", mood: pick(r, MOODS), ms: between(r, 50, 1500) }),
  (r) => ({ do: "poison", session: between(r, 0, SESSIONS - 1), ms: between(r, 50, 1000) }),
  (r) => ({ do: "full", ms: between(r, 50, 800) }),
  (r) => ({ do: "busy", ms: between(r, 50, 800) }),
  (r) => ({ do: "batches", ms: between(r, 50, 800) }),
  (r) => ({ do: "slow", ms: between(r, 50, 800), by: between(r, 5, 60) }),
  (r) => ({ do: "clock", by: between(r, -3_600_000, 3_600_000) }),
  (r) => ({ do: "pause_all", ms: between(r, 50, 800) }),
  (r) => ({ do: "pause", session: between(r, 0, SESSIONS - 1), ms: between(r, 100, 1500) }),
];

/**
 * What happens between servers as well: deliveries are lost on a route that breaks, and a copy answers that is behind, or empty. No consumer is reset by somebody
 * else here: when exactly as many deliveries are lost after that as came before it, the numbers fit, and nothing can tell (docs/reliability.md).
 */
const ROUTED_FAULTS: readonly Maker[] = [
  ...FAULTS.filter((maker) => maker !== RESET),
  (r) => ({ do: "lossy", ms: between(r, 5, 300) }),
  (r) => ({ do: "lossy", ms: between(r, 5, 300) }),
  (r) => ({ do: "stale", ms: between(r, 50, 3000), by: r.next() < 0.5 ? between(r, 1, 30) : 1_000_000 }),
  (r) => ({ do: "stale", ms: between(r, 50, 3000), by: r.next() < 0.5 ? between(r, 1, 30) : 1_000_000 }),
];

const FAULTS_OF: Record<Part, readonly Maker[]> = { log: LOG_FAULTS, whole: FAULTS, routed: ROUTED_FAULTS };

/** Steps of a history; at least two of them are faults. */
export const STEPS = 50;
const LEAST_FAULTS = 2;
const FAULT_SHARE = 0.12;

export function isFault(step: Step): boolean {
  return step.do !== "send" && step.do !== "resend";
}

function stepOf(random: Random, fault: boolean, part: Part): Step {
  // mostly close together, now and then with a pause in between
  const wait = random.next() < 0.1 ? between(random, 100, 600) : random.exponential(8);
  if (fault) return { wait, ...pick(random, FAULTS_OF[part])(random) };
  if (random.next() < 0.1) return { wait, do: "resend" };
  const burst = random.next() < 0.06 ? between(random, 4, 14) : between(random, 1, 2);
  return {
    wait,
    do: "send",
    session: between(random, 0, SESSIONS - 1),
    count: burst,
    keyed: random.next() < 0.3,
  };
}

/** The history of a seed. Pure. */
export function stepsOf(seed: number, part: Part): Step[] {
  const random = seededRandom(seed);
  const faults = new Set<number>();
  for (let i = 5; i < STEPS; i++) if (random.next() < FAULT_SHARE) faults.add(i);
  while (faults.size < LEAST_FAULTS) faults.add(between(random, 5, STEPS - 5));
  return Array.from({ length: STEPS }, (_, i) => stepOf(random, faults.has(i), part));
}
