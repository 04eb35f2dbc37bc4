import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createCommitter, type Committer } from "../../../../../src/shared/log/append/commit.ts";
import { GIVE_UP_MS } from "../../../../../src/shared/log/append/entry.ts";
import type { Outcome } from "../../../../../src/shared/log/append/write.ts";
import { createSequences } from "../../../../../src/shared/log/append/sequence.ts";
import { silentLogger } from "../../../../../src/shared/base/logger.ts";
import { createJumpingClock, createSimulatedLog } from "./simulated-log.ts";
import { logger, run, encode, write, plans, check, plain } from "./commit-run.ts";

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

  test("so is a single, and its session continues in the same epoch", async () => {
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

  test("a log that stays away fails every write within the give-up time, and the session continues in a new epoch", async () => {
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

  test("ORDER-1: a write whose client waits for longer is tried for longer, others are not, and a newer one of its session stays behind it", async () => {
    const plan = plain({
      groups: [
        { afterMs: 500, sessions: [0] },
        { afterMs: 10, sessions: [0, 1, 2] },
      ],
      patient: [0],
      faults: [{ kind: "cut", stored: 0, downMs: 8000 }],
    });
    const { sent, log } = await run(plan);
    check(plan, sent, log);
    const told = sent.map(({ outcomes }) => outcomes[0]?.kind);
    expect(told).toEqual(["stored", "stored", "failed", "failed"]);
    for (const it of sent.slice(2)) expect(it.told - it.at).toBeLessThan(GIVE_UP_MS + 100);
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

  test("a new id that another writer stores while the broker refuses for a moment is no 2xx either", async () => {
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

  test("an unexpected failure is reported, and does not stop the next commit", async () => {
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
