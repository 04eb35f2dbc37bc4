import * as fc from "fast-check";
import { expect } from "vitest";
import { createCommitter } from "../../../../../src/shared/log/append/commit.ts";
import type { Choice } from "../../../../../src/shared/log/append/choice.ts";
import type { Outcome, SessionNumber, Write } from "../../../../../src/shared/log/append/write.ts";
import { createSequences } from "../../../../../src/shared/log/append/sequence.ts";
import { silentLogger } from "../../../../../src/shared/base/logger.ts";
import {
  createJumpingClock,
  createSimulatedLog,
  type Fault,
  type SimulatedLog,
  type StoredMessage,
} from "./simulated-log.ts";

export type Sent = { id: string; session: string; outcomes: Outcome[]; at: number; told: number };

const PATIENT_MS = 10_000;

export type Plan = {
  /** Writes that arrive together; the next group arrives `afterMs` later, or when the one before is done. */
  groups: { afterMs: number; sessions: number[] }[];
  faults: Fault[];
  denied: number[];
  keyed: number[];
  /** Writes whose clients wait for {@link PATIENT_MS}. */
  patient: number[];
  /** Keyed writes that an earlier process stored. */
  known: number[];
  /** A stranger stored those that are not keyed. */
  stranger?: true;
  sideBySide: boolean;
  batchFrom: number;
};

export const logger = silentLogger();

/** Runs a plan to its end. */
export async function run(plan: Plan): Promise<{ sent: Sent[]; log: SimulatedLog }> {
  const clock = createJumpingClock();
  const total = plan.groups.reduce((sum, group) => sum + group.sessions.length, 0);
  const idOf = (i: number): string => `id${i}`;
  const keyed = new Set(plan.keyed.map((i) => idOf(i % Math.max(1, total))));
  const patient = new Set(plan.patient.map((i) => idOf(i % Math.max(1, total))));
  const sessions = plan.groups.flatMap((group) => group.sessions);
  const before = [...new Set(plan.known.map((i) => i % Math.max(1, total)))]
    .filter((i) => keyed.has(idOf(i)) || plan.stranger === true)
    .map((i): StoredMessage => ({ id: idOf(i), session: `s${sessions[i]}`, epoch: `old${i}`, number: 1 }));
  const log = createSimulatedLog({
    clock,
    faults: [...plan.faults],
    denied: new Set(plan.denied.map((i) => idOf(i % Math.max(1, total)))),
    before,
  });
  const choice: Choice = { of: (n) => (n >= plan.batchFrom ? "batch" : "singles"), took: () => undefined };
  const committer = createCommitter({
    log,
    sequences: createSequences("test"),
    encode,
    choice,
    sideBySide: () => plan.sideBySide,
    clock,
    logger,
  });
  const sent: Sent[] = [];
  for (const group of plan.groups) {
    for (const session of group.sessions) {
      const id = idOf(sent.length);
      const entry: Sent = { id, session: `s${session}`, outcomes: [], at: clock.now(), told: 0 };
      sent.push(entry);
      const asked = write(id, entry.session, keyed.has(id), (outcome) => {
        entry.outcomes.push(outcome);
        entry.told = clock.now();
      });
      committer.add(patient.has(id) ? { ...asked, patienceMs: PATIENT_MS } : asked);
    }
    await new Promise<void>((resolve) => clock.after(group.afterMs, resolve));
  }
  await committer.idle();
  await new Promise<void>((resolve) => clock.after(10_000, resolve)); // whatever is late arrives
  return { sent, log };
}

export function encode(
  it: Write,
  number: SessionNumber,
): { subject: string; head: string; payload: Uint8Array } {
  const stored: StoredMessage = { id: it.id, session: it.session, epoch: number.epoch, number: number.seq };
  return { subject: it.subject, head: "", payload: Buffer.from(JSON.stringify(stored)) };
}

export function write(
  id: string,
  session: string,
  keyed: boolean,
  settle: Write["settle"],
  body = new Uint8Array(10),
): Write {
  return {
    id,
    keyed,
    kind: "event",
    session,
    subject: `rr.ev.0.r.${session}.event`,
    lines: "",
    receivedAt: 0,
    type: "application/json",
    body,
    answer: undefined,
    trace: undefined,
    settle,
  };
}

const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Fault>({ kind: "none" }) },
  fc.record({
    kind: fc.constant("cut" as const),
    stored: fc.nat(12),
    downMs: fc.constantFrom(0, 30, 500, 3000, 6000),
  }),
  fc.record({ kind: fc.constant("silent" as const), lateMs: fc.constantFrom(undefined, 0, 500, 3500, 7000) }),
  fc.record({
    kind: fc.constant("holes" as const),
    every: fc.integer({ min: 1, max: 4 }),
    lost: fc.constantFrom("unknown" as const, "later" as const),
  }),
  fc.constant<Fault>({ kind: "later" }),
);

export const plans: fc.Arbitrary<Plan> = fc.record({
  groups: fc.array(
    fc.record({
      afterMs: fc.constantFrom(0, 1, 50, 2000, 5000),
      sessions: fc.array(fc.nat(3), { minLength: 1, maxLength: 10 }),
    }),
    { minLength: 1, maxLength: 6 },
  ),
  faults: fc.array(fault, { maxLength: 12 }),
  denied: fc.array(fc.nat(60), { maxLength: 2 }),
  keyed: fc.array(fc.nat(60), { maxLength: 6 }),
  patient: fc.array(fc.nat(60), { maxLength: 6 }),
  known: fc.array(fc.nat(60), { maxLength: 6 }),
  sideBySide: fc.boolean(),
  batchFrom: fc.constantFrom(1, 2, 5, 100),
});

/** Everything that must hold whatever happens. */
export function check(plan: Plan, sent: Sent[], log: SimulatedLog): void {
  expect(log.overlapped, "one commit at a time").toBe(false);
  const ids = log.stream.map(({ id }) => id);
  expect(new Set(ids).size, "stored twice").toBe(ids.length);
  for (const it of sent) {
    expect(it.outcomes, `${it.id} is told exactly once`).toHaveLength(1);
    const [outcome] = it.outcomes;
    if (outcome?.kind !== "stored") continue;
    const stored = log.stream[outcome.streamSeq - 1];
    expect(stored?.id, "DURABLE-1: acknowledged and stored, where it says").toBe(it.id);
    if (outcome.number !== undefined) {
      expect({ epoch: stored?.epoch, seq: stored?.number }, "the number told is the number stored").toEqual(
        outcome.number,
      );
    }
  }
  for (const session of new Set(sent.map((it) => it.session))) {
    const seqs = sent
      .filter((it) => it.session === session)
      .map((it) => it.outcomes[0])
      .filter((outcome) => outcome?.kind === "stored" && !(outcome.duplicate && outcome.number === undefined))
      .map((outcome) => (outcome?.kind === "stored" ? outcome.streamSeq : 0));
    expect(seqs, `ORDER-1: ${session} in the order of acceptance`).toEqual(seqs.toSorted((a, b) => a - b));

    const numbers = new Map<string, number[]>();
    for (const it of log.stream) {
      if (it.session !== session) continue;
      numbers.set(it.epoch, [...(numbers.get(it.epoch) ?? []), it.number]);
    }
    for (const [epoch, list] of numbers) {
      expect(new Set(list).size, `${session}: a number of ${epoch} used twice`).toBe(list.length);
      expect(list, `${session}: numbers of ${epoch} in log order`).toEqual(list.toSorted((a, b) => a - b));
      // Side by side, a write that is refused for good between two that are stored does leave a gap (ADR 0003).
      if (!plan.sideBySide) expect(list, `${session}: no gap in ${epoch}`).toEqual(list.map((_, i) => i + 1));
    }
  }
}

export function plain(part: Partial<Plan>): Plan {
  return {
    groups: [],
    faults: [],
    denied: [],
    keyed: [],
    patient: [],
    known: [],
    sideBySide: false,
    batchFrom: 100,
    ...part,
  };
}
