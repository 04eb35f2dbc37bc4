import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createCommitter, GIVE_UP_MS, type Committer } from "../../../../../src/shared/log/append/commit.ts";
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

type Sent = { id: string; session: string; outcomes: Outcome[]; at: number; told: number };
type Plan = {
  /** Writes that arrive together; the next group arrives `afterMs` later, or when the one before is done. */
  groups: { afterMs: number; sessions: number[] }[];
  faults: Fault[];
  denied: number[];
  keyed: number[];
  /** Keyed writes that an earlier process stored. */
  known: number[];
  /** A stranger stored those that are not keyed. */
  stranger?: true;
  sideBySide: boolean;
  batchFrom: number;
};

const logger = silentLogger();

/** Runs a plan to its end. */
async function run(plan: Plan): Promise<{ sent: Sent[]; log: SimulatedLog }> {
  const clock = createJumpingClock();
  const total = plan.groups.reduce((sum, group) => sum + group.sessions.length, 0);
  const idOf = (i: number): string => `id${i}`;
  const keyed = new Set(plan.keyed.map((i) => idOf(i % Math.max(1, total))));
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
      committer.add(
        write(id, entry.session, keyed.has(id), (outcome) => {
          entry.outcomes.push(outcome);
          entry.told = clock.now();
        }),
      );
    }
    await new Promise<void>((resolve) => clock.after(group.afterMs, resolve));
  }
  await committer.idle();
  await new Promise<void>((resolve) => clock.after(10_000, resolve)); // whatever is late arrives
  return { sent, log };
}

function encode(it: Write, number: SessionNumber): { subject: string; head: string; payload: Uint8Array } {
  const stored: StoredMessage = { id: it.id, session: it.session, epoch: number.epoch, number: number.seq };
  return { subject: it.subject, head: "", payload: Buffer.from(JSON.stringify(stored)) };
}

function write(
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

const plans: fc.Arbitrary<Plan> = fc.record({
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
  known: fc.array(fc.nat(60), { maxLength: 6 }),
  sideBySide: fc.boolean(),
  batchFrom: fc.constantFrom(1, 2, 5, 100),
});

/** Everything that must hold whatever happens. */
function check(plan: Plan, sent: Sent[], log: SimulatedLog): void {
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

describe("group commit", () => {
  test("DURABLE-1, ORDER-1: whatever happens on the way to the log, nothing acknowledged is lost, doubled or out of order", async () => {
    const modes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const { sent, log } = await run(plan);
        for (const mode of log.modes) modes.add(mode);
        check(plan, sent, log);
      }),
      { numRuns: 400 },
    );
    expect(modes).toEqual(new Set(["singles", "batch"]));
  });

  test("without faults everything is stored, in order, with numbers from 1", async () => {
    const plan = plain({ groups: [{ afterMs: 10, sessions: [0, 0, 1, 0, 2, 1] }], batchFrom: 2 });
    const { sent, log } = await run(plan);
    expect(log.stream.map(({ session, number }) => `${session}:${number}`)).toEqual([
      "s0:1",
      "s0:2",
      "s1:1",
      "s0:3",
      "s2:1",
      "s1:2",
    ]);
    expect(sent.map((it) => it.outcomes[0]?.kind)).toEqual(Array.from({ length: 6 }, () => "stored"));
  });

  test("a bad item in a batch takes no innocents with it, and leaves no gap", async () => {
    const plan = plain({ groups: [{ afterMs: 10, sessions: [0, 0, 0, 1] }], batchFrom: 2, denied: [1] });
    const { sent, log } = await run(plan);
    check(plan, sent, log);
    expect(sent.map((it) => it.outcomes[0]?.kind)).toEqual(["stored", "failed", "stored", "stored"]);
    expect(sent[1]?.outcomes[0]).toMatchObject({ code: "log_refused" });
  });

  test("a batch whose connection is lost after it was stored is recognized, and keeps its numbers", async () => {
    const plan = plain({
      groups: [{ afterMs: 10, sessions: [0, 0, 1] }],
      batchFrom: 2,
      faults: [{ kind: "cut", stored: 3, downMs: 30 }],
    });
    const { sent, log } = await run(plan);
    check(plan, sent, log);
    expect(log.stream).toHaveLength(3);
    expect(sent.map((it) => it.outcomes[0])).toMatchObject([
      { kind: "stored", duplicate: true, number: { seq: 1 } },
      { kind: "stored", duplicate: true, number: { seq: 2 } },
      { kind: "stored", duplicate: true, number: { seq: 1 } },
    ]);
  });

  test("so is a single, and its session goes on in the same epoch", async () => {
    const groups = [
      { afterMs: 100, sessions: [0] },
      { afterMs: 10, sessions: [0] },
    ];
    const { sent } = await run(plain({ groups, faults: [{ kind: "cut", stored: 1, downMs: 30 }] }));
    const [first, second] = sent.map((it) => it.outcomes[0]);
    expect(first).toEqual({
      kind: "stored",
      streamSeq: 1,
      duplicate: true,
      number: { epoch: "test0", seq: 1 },
    });
    expect(second).toEqual({
      kind: "stored",
      streamSeq: 2,
      duplicate: false,
      number: { epoch: "test0", seq: 2 },
    });
  });

  test("a log that stays away fails every write within the give-up time, and the session goes on in a new epoch", async () => {
    const plan = plain({
      groups: [
        { afterMs: 1000, sessions: [0, 1] },
        { afterMs: 9000, sessions: [0] },
        { afterMs: 10, sessions: [0] },
      ],
      batchFrom: 2,
      faults: [{ kind: "cut", stored: 0, downMs: 8000 }],
    });
    const { sent, log } = await run(plan);
    check(plan, sent, log);
    for (const it of sent.slice(0, 3)) {
      expect(it.outcomes[0]).toMatchObject({ kind: "failed", code: "log_unreachable" });
      expect(it.told - it.at).toBeLessThanOrEqual(GIVE_UP_MS + 100);
    }
    expect(sent[3]?.outcomes[0]).toMatchObject({ kind: "stored", number: { seq: 1 } });
  });

  test("a key that an earlier process used is answered with the original sequence, and makes no gap", async () => {
    const plan = plain({
      groups: [{ afterMs: 10, sessions: [0, 0, 0] }],
      batchFrom: 2,
      keyed: [1],
      known: [1],
    });
    const { sent, log } = await run(plan);
    check(plan, sent, log);
    expect(sent[1]?.outcomes[0]).toEqual({
      kind: "stored",
      streamSeq: 1,
      duplicate: true,
      number: undefined,
    });
  });

  test.each([
    ["alone", 99, 1],
    ["side by side with others", 99, 3],
    ["in a batch, which is refused for it", 2, 3],
  ])("DURABLE-1: a new id that somebody stored first is no 2xx: %s", async (_, batchFrom, count) => {
    const sessions = Array.from({ length: count }, () => 0);
    const groups = [
      { afterMs: 10, sessions },
      { afterMs: 10, sessions: [0] },
    ];
    const { sent, log } = await run(plain({ groups, batchFrom, known: [count - 1], stranger: true }));
    const outcomes = sent.map((it) => it.outcomes[0]);
    expect(outcomes[count - 1]).toMatchObject({ kind: "failed", code: "event_id_taken" });
    const others = outcomes.filter((_outcome, i) => i !== count - 1);
    expect(others.every((outcome) => outcome?.kind === "stored" && !outcome.duplicate)).toBe(true);
    expect(log.stream).toHaveLength(count + 1); // the stranger's and the others
    expect(outcomes[count]).toMatchObject({ number: { seq: 1 } }); // the number may be missing: a new epoch
  });

  test("a new id that somebody stores while the broker refuses for a moment is no 2xx either", async () => {
    const clock = createJumpingClock();
    const log = createSimulatedLog({ clock, faults: [{ kind: "later" }], denied: new Set(), before: [] });
    const outcomes: Outcome[] = [];
    const committer = createCommitter({
      log: {
        ...log,
        async singles(messages, timeoutMs) {
          const acks = await log.singles(messages, timeoutMs);
          if (log.stream.length === 0) log.stream.push({ id: "taken", session: "s", epoch: "x", number: 1 });
          return acks;
        },
      },
      sequences: createSequences("test"),
      encode,
      choice: { of: () => "singles", took() {} },
      sideBySide: () => false,
      clock,
      logger: silentLogger(),
    });
    committer.add(write("taken", "s", false, (outcome) => outcomes.push(outcome)));
    await committer.idle();
    expect(outcomes).toMatchObject([{ kind: "failed", code: "event_id_taken" }]);
  });

  test("an unexpected failure is told, and does not stop the next commit", async () => {
    const clock = createJumpingClock();
    const log = createSimulatedLog({ clock, faults: [], denied: new Set(), before: [] });
    const committer: Committer = createCommitter({
      log: { ...log, batch: () => Promise.reject(new Error("boom")) },
      sequences: createSequences("test"),
      encode,
      choice: { of: (n) => (n > 1 ? "batch" : "singles"), took: () => undefined },
      sideBySide: () => false,
      clock,
      logger,
    });
    const outcomes: Outcome[] = [];
    const settle = (outcome: Outcome): void => void outcomes.push(outcome);
    committer.add(write("a", "s", false, settle));
    committer.add(write("b", "s", false, settle));
    await committer.idle();
    committer.add(write("c", "s", false, settle));
    await committer.idle();
    expect(outcomes).toMatchObject([
      { code: "internal" },
      { code: "internal" },
      { kind: "stored", number: { seq: 1 } },
    ]);
    expect(committer.waiting).toBe(0);
  });

  test("a batch holds at most 1000 writes and 4 MiB", async () => {
    const clock = createJumpingClock();
    const log = createSimulatedLog({ clock, faults: [], denied: new Set(), before: [] });
    const sizes: number[] = [];
    const committer = createCommitter({
      log: {
        ...log,
        batch(messages, timeoutMs) {
          sizes.push(messages.length);
          return log.batch(messages, timeoutMs);
        },
      },
      sequences: createSequences("test"),
      encode,
      choice: { of: () => "batch", took: () => undefined },
      sideBySide: () => false,
      clock,
      logger,
    });
    let stored = 0;
    const settle = (): void => void stored++;
    for (let i = 0; i < 1500; i++) committer.add(write(`a${i}`, `s${i % 7}`, false, settle));
    await committer.idle();
    const MIB = 1024 * 1024;
    for (let i = 0; i < 6; i++) committer.add(write(`b${i}`, "s", false, settle, new Uint8Array(1.5 * MIB)));
    await committer.idle();
    expect(sizes).toEqual([1000, 500, 2, 2, 2]);
    expect(stored).toBe(1506);
  });
});

function plain(part: Partial<Plan>): Plan {
  return {
    groups: [],
    faults: [],
    denied: [],
    keyed: [],
    known: [],
    sideBySide: false,
    batchFrom: 100,
    ...part,
  };
}
