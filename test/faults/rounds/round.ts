import { setTimeout as delay } from "node:timers/promises";
import type { LedgerEntry } from "../../support/coordinator.ts";
import { startLoad, type Load, type WriterPlan } from "../load.ts";
import { sessionOf, type Line } from "./history.ts";
import { disturb, type Nemesis, type Plan } from "./nemeses.ts";
import type { Subject } from "./subject.ts";

/** What rounds are played with. */
export type Table = {
  subject: Pick<Subject, "url" | "path" | "dead">;
  nemeses: readonly Nemesis[];
  /** Arrivals at the coordinator since the last call. */
  arrivals(this: void): LedgerEntry[];
  record(this: void, lines: readonly Line[]): void;
  /** What was settled so far: carried out, or put aside. Grows. */
  settled: Set<string>;
  dead: Set<string>;
  settleMs: number;
};

const SESSIONS = 12;
const PER_SECOND = 12;
/** Before and after the disturbance. */
const CALM_MS = 1000;
const LOOK_MS = 100;
const LOOK_AT_DEAD_MS = 1000;
/** How long a begun event may be without a 2xx when all is well again. */
const ACCEPT_MS = 60_000;

/** One round: new sessions, executors that write to them all the time, nemeses in the middle; then everything acknowledged has its time to be settled. */
export async function playRound(table: Table, piece: number, round: number, plan: Plan): Promise<void> {
  const { subject, record } = table;
  const nemeses = plan.nemeses.map((name) => {
    const found = table.nemeses.find((it) => it.name === name);
    if (found === undefined) throw new Error(`no nemesis is named ${name}`);
    return found;
  });
  record([
    { is: "round", piece, round, nemeses: plan.nemeses, forMs: Math.round(plan.forMs), at: Date.now() },
  ]);
  const writers = Array.from({ length: SESSIONS }, (_, n): WriterPlan => {
    return { session: sessionOf(piece, round, n), perSecond: PER_SECOND, async: n % 2 === 0 };
  });
  const { url, path } = subject;
  const load = startLoad({ url, ...(path && { path }), random: plan.random, writers });
  await delay(CALM_MS);
  record([{ is: "fault", what: "begins", at: Date.now() }]);
  await disturb(nemeses, plan.forMs);
  record([{ is: "fault", what: "over", at: Date.now() }]);
  await delay(CALM_MS);
  await load.stop(ACCEPT_MS);
  record(toldTo(load));
  const from = performance.now();
  const settled = await settle(
    table,
    load.calls.map(({ marker }) => marker),
  );
  record([{ is: "done", round, at: Date.now(), settled, settleMs: Math.round(performance.now() - from) }]);
}

/** What executors were told. Pure. */
function toldTo(load: Load): Line[] {
  return [
    ...load.calls.map(({ marker, eventId, status, attempts, endedAt }): Line => {
      return { is: "ack", marker, status, attempts, at: Math.round(endedAt), ...(eventId && { eventId }) };
    }),
    ...load.refusals.map(({ marker, status, at }): Line => ({ is: "refused", marker, status, at })),
    { is: "unanswered", reasons: Object.fromEntries(load.unanswered) },
  ];
}

/** Records what arrives until each of these markers is settled; false if that takes longer than the table's patience. */
export async function settle(table: Table, markers: readonly string[]): Promise<boolean> {
  const { settled } = table;
  const end = performance.now() + table.settleMs;
  for (let lookedAtDead = performance.now(); ; await delay(LOOK_MS)) {
    takeArrivals(table);
    if (markers.every((marker) => settled.has(marker))) break;
    const now = performance.now();
    if (now - lookedAtDead > LOOK_AT_DEAD_MS || now > end) {
      lookedAtDead = now;
      await takeDead(table);
    }
    if (now > end) break;
  }
  return markers.every((marker) => settled.has(marker));
}

function takeArrivals({ arrivals, record, settled }: Table): void {
  record(
    arrivals().flatMap((entry): Line[] => {
      const { marker, key, applied, at, stale, inverted, status } = entry;
      if (marker === undefined) return [];
      if (applied) settled.add(marker);
      const signs = { ...(key && { key }), ...(stale && { stale }), ...(inverted && { inverted }) };
      return [{ is: "arrival", marker, applied, at, status, ...signs }];
    }),
  );
}

async function takeDead({ subject, record, settled, dead }: Table): Promise<void> {
  for (const marker of await subject.dead()) {
    if (dead.has(marker)) continue;
    dead.add(marker);
    settled.add(marker);
    record([{ is: "dead", marker }]);
  }
}
