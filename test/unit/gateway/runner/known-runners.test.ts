import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  affinityOf,
  flagsFor,
  sameAffinity,
  type Affinity,
} from "../../../../src/gateway/runner/affinity.ts";
import {
  conflictOf,
  createKnownRunners,
  RUNNER_SILENCE_MS,
  type KnownRunners,
} from "../../../../src/gateway/runner/known-runners.ts";
import type { Logger } from "../../../../src/shared/base/logger.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

const WRITTEN: Affinity = { hostname: "m", profile: "coding" };
const OTHER: Affinity = { hostname: "m", profile: "autonomous" };

type Kept = [string, Affinity][];

function knowing(kept: Kept = []) {
  const clock = createFakeClock();
  const warned: { code: string; set?: string }[] = [];
  const written: Kept[] = [];
  const logger = { warn: (fields: { code: string }) => void warned.push(fields) } as unknown as Logger;
  const known = createKnownRunners({
    written: WRITTEN,
    kept: { read: () => kept, write: (all) => void written.push(all) },
    clock,
    logger,
  });
  return { known, clock, warned, written };
}

function bodyOf({ hostname, profile }: Affinity): Uint8Array {
  return Buffer.from(JSON.stringify({ hostname, project_dir: "/p", executor_profile: profile }));
}

/** Registers, and gets this id; undefined: the gateway refused. */
function register(known: KnownRunners, affinity: Affinity, id: string, status = 200): string | undefined {
  const registering = known.registering(bodyOf(affinity));
  if (registering.kind === "refused") return registering.detail;
  registering.answered({ status, body: Buffer.from(JSON.stringify({ runner_id: id })) });
  return undefined;
}

test.each<[string, Affinity | undefined]>([
  ['{"hostname":"h","executor_profile":"p"}', { hostname: "h", profile: "p" }],
  ['\ufeff{"executor_profile":"p","hostname":"h","x":[{"hostname":"no"}]}', { hostname: "h", profile: "p" }],
  ['{"host\\u006eame":"h","hostname":"i","executor_profile":"\\u0070"}', { hostname: "i", profile: "p" }],
  ['{"hostname":"h"}', undefined],
  ['{"hostname":"h","executor_profile":7}', undefined],
  ['{"hostname":null,"executor_profile":"p"}', undefined],
  [`{"hostname":"${"h".repeat(2000)}","executor_profile":"p"}`, undefined],
  ['[{"hostname":"h","executor_profile":"p"}]', undefined],
  ['{"hostname":"h","executor_profile":"p"', undefined],
  ["", undefined],
])("what a registration says: %.60s", (text, expected) => {
  expect(affinityOf(Buffer.from(text))).toEqual(expected);
});

test("BOUND-1: a registration with many agents builds nothing of them", () => {
  const agents = `[${'{"a":{}},'.repeat(80_000)}{}]`;
  const body = Buffer.from(`{"agents":${agents},"hostname":${agents},"executor_profile":"p"}`);
  const before = process.memoryUsage().heapUsed;
  expect(affinityOf(body)).toBeUndefined();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(4 << 20);
});

test.each<[Affinity, string]>([
  [WRITTEN, ""],
  [OTHER, "--profile autonomous"],
  [{ hostname: "n.example", profile: "coding" }, "--hostname n.example"],
  [{ hostname: "n", profile: "two words" }, '--hostname n --profile "two words"'],
])("what to set for %j", (registered, flags) => {
  expect(flagsFor(registered, WRITTEN)).toBe(flags);
});

describe("conflicts", () => {
  const affinities = fc.record({
    hostname: fc.constantFrom("a", "b", ""),
    profile: fc.constantFrom("p", "q"),
  });

  test("one is admitted exactly where all others are alike", () => {
    fc.assert(
      fc.property(affinities, fc.array(affinities, { maxLength: 4 }), (asked, others) => {
        const other = conflictOf(asked, others);
        expect(other === undefined).toBe(others.every((it) => sameAffinity(it, asked)));
        if (other !== undefined) expect(others).toContain(other);
      }),
    );
  });

  test("however runners come, go and fall silent: those that are alive are alike", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("register" as const), affinity: affinities, id: fc.nat(3) }),
      fc.record({ kind: fc.constantFrom("heard" as const, "left" as const), id: fc.nat(3) }),
      fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(2 * RUNNER_SILENCE_MS) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { known, clock } = knowing();
        /** What each id registered last, and when it was heard. */
        const model = new Map<string, { affinity: Affinity; at: number }>();
        const alive = () => [...model].filter(([, { at }]) => clock.now() - at < RUNNER_SILENCE_MS);
        for (const it of steps) {
          if (it.kind === "pass") clock.jump(it.ms);
          else if (it.kind === "left") {
            known.left(`r${it.id}`);
            model.delete(`r${it.id}`);
          } else if (it.kind === "register") {
            const id = `r${it.id}-${it.affinity.hostname}-${it.affinity.profile}`; // ids are made of what they register
            const refused = register(known, it.affinity, id) !== undefined;
            expect(refused).toBe(alive().some(([, { affinity }]) => !sameAffinity(affinity, it.affinity)));
            if (!refused) model.set(id, { affinity: it.affinity, at: clock.now() });
          }
          const wrong = alive().filter(([, { affinity }]) => !sameAffinity(affinity, WRITTEN));
          expect(known.mismatches().map(({ runner }) => runner)).toEqual(
            expect.arrayContaining(wrong.map(([id]) => id)),
          );
          expect(known.mismatches()).toHaveLength(wrong.length);
        }
      }),
    );
  });

  test("the refusal names both, and what to do", () => {
    const { known, warned } = knowing();
    expect(register(known, WRITTEN, "r1")).toBeUndefined();
    expect(register(known, OTHER, "r2")).toMatch(
      /profile coding; .*profile autonomous needs .*--profile autonomous .*--gateway-id/,
    );
    expect(warned).toMatchObject([{ code: "runner_conflict", asked: OTHER, other: WRITTEN }]);
  });

  test("two at once: the one that asked first is served, also while it has no answer", () => {
    const { known } = knowing();
    const first = known.registering(bodyOf(WRITTEN));
    expect(known.registering(bodyOf(OTHER)).kind).toBe("refused");
    expect(known.registering(bodyOf(WRITTEN)).kind).toBe("passed");
    if (first.kind === "passed") first.answered(undefined);
    expect(known.registering(bodyOf(OTHER)).kind, "one of the first kind still asks").toBe("refused");
  });

  test.each([409, 422, 502])("a registration that the coordinator refuses (%d) is none", (status) => {
    const { known, warned } = knowing();
    expect(register(known, OTHER, "r1", status)).toBeUndefined();
    expect(register(known, WRITTEN, "r2")).toBeUndefined();
    expect([known.mismatches(), warned]).toEqual([[], []]);
  });

  test("one that stopped gives its place up; one that fell silent does after 120 s", () => {
    const { known, clock } = knowing();
    register(known, WRITTEN, "r1");
    known.left("r1");
    expect(register(known, OTHER, "r2")).toBeUndefined();
    clock.jump(RUNNER_SILENCE_MS - 1);
    known.heard("r2");
    clock.jump(RUNNER_SILENCE_MS - 1);
    expect(register(known, WRITTEN, "r3")).toBeDefined();
    clock.jump(1);
    expect(register(known, WRITTEN, "r3")).toBeUndefined();
  });
});

describe("a runner that registered something else than the gateway writes", () => {
  test("is named at once, until it is silent or stops", () => {
    const { known, clock, warned } = knowing();
    register(known, OTHER, "r1");
    expect(known.mismatches()).toEqual([{ runner: "r1", registered: OTHER, written: WRITTEN }]);
    expect(warned).toEqual([
      {
        code: "runner_mismatch",
        runner: "r1",
        registered: OTHER,
        written: WRITTEN,
        set: "--profile autonomous",
      },
    ]);
    clock.jump(RUNNER_SILENCE_MS);
    expect(known.mismatches()).toEqual([]);
    known.heard("r1");
    expect(known.mismatches()).toHaveLength(1);
    expect(warned, "it is back").toHaveLength(2);
    known.left("r1");
    known.heard("r1"); // a poll that was under way
    expect(known.mismatches()).toEqual([]);
  });

  test("and registers rightly under the same id is none any more", () => {
    const { known, clock } = knowing();
    register(known, OTHER, "r1");
    clock.jump(RUNNER_SILENCE_MS);
    register(known, WRITTEN, "r1");
    expect(known.mismatches()).toEqual([]);
  });

  test("is known to the next gateway as soon as it polls, and conflicts with no other before", () => {
    const { known, written } = knowing();
    register(known, OTHER, "r1");
    const kept = written.at(-1) ?? [];
    const next = knowing(kept);
    expect(next.known.mismatches()).toEqual([]);
    next.known.heard("r1");
    expect(next.known.mismatches()).toHaveLength(1);
    expect(next.warned).toMatchObject([{ code: "runner_mismatch" }]);
    expect(register(knowing(kept).known, WRITTEN, "r2")).toBeUndefined();
  });
});

test("BOUND-1: a hundred runners are kept, and the file is written when something changed", () => {
  const { known, written } = knowing();
  for (let i = 0; i < 150; i++) register(known, WRITTEN, `r${i}`);
  expect(written.at(-1)?.length).toBe(100);
  const times = written.length;
  register(known, WRITTEN, "r149");
  expect(written).toHaveLength(times);
});
