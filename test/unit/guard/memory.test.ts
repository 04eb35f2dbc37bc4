import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { withChildren } from "../../../src/guard/children.ts";
import type { Guard } from "../../../src/guard/guard.ts";
import { familyOf, memoryOf, watchMemory, type Process } from "../../../src/guard/memory.ts";
import type { Clock } from "../../../src/shared/base/clock.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { NO_PID_FILES } from "../../support/no-pid-files.ts";

const MIB = 1024 * 1024;
const of = (pid: number, parent: number, group: number): Process => ({ pid, parent, group });

test.each<[string, Process[], number[]]>([
  ["its group", [of(5, 1, 5), of(6, 5, 5), of(7, 1, 5)], [5, 6, 7]],
  ["what is below it in a group of its own", [of(8, 7, 8), of(5, 1, 5), of(7, 5, 7)], [5, 7, 8]],
  ["nothing of others", [of(5, 1, 5), of(9, 1, 9), of(10, 9, 9)], [5]],
  ["nothing, when it has ended", [of(9, 1, 9)], []],
])("the processes of a program are %s", (_, all, family) => {
  expect([...familyOf(all, 5)].toSorted((a, b) => a - b)).toEqual(family);
});

test("a program is looked at until it takes too much, or has ended", async () => {
  const clock = createFakeClock();
  const found: number[] = [];
  let bytes = 10;
  const watch = (): (() => void) =>
    watchMemory({ clock, measure: () => bytes }, { root: 5, most: 10, over: (it) => void found.push(it) });
  watch();
  const cancel = watch();
  await clock.pass(10_000);
  expect(found).toEqual([]);
  cancel();
  bytes = 11;
  await clock.pass(10_000);
  expect(found).toEqual([11]);
  expect(clock.pending()).toBe(0);
});

test.runIf(process.platform === "linux")(
  "BOUND-1: a program that takes too much memory is killed, and its turn says why",
  async () => {
    expect(memoryOf(process.pid)).toBeGreaterThan(10 * MIB);
    const clock: Clock = { ...systemClock, after: (ms, fn) => systemClock.after(ms / 20, fn) };
    const guard: Guard = {
      watch: () => Promise.resolve(),
      extend: () => undefined,
      forget: () => undefined,
      lives: () => true,
    };
    const deps = { guard: () => guard, clock, env: {}, random: () => "m-large", pidFiles: NO_PID_FILES };
    const hold = {
      until: () => systemClock.now() + 60_000,
      onRenewed: () => () => undefined,
      lost: new AbortController().signal,
    };
    const told: unknown[] = [];
    const hungry = "globalThis.all = Buffer.alloc(400 * 1024 * 1024, 1); setInterval(() => {}, 1000)";
    const agent = withChildren(
      { ...deps, mostMemory: 300 * MIB },
      {
        async run({ spawn }) {
          const child = await spawn({ file: process.execPath, args: ["-e", hungry] });
          expect(await child.ended).toMatchObject({ signal: "SIGKILL" });
          return { outcome: "failed" };
        },
      },
      { hold, folder: tmpdir() },
    );
    const turn = {
      session: { id: "s", user: "ann", workspace: tmpdir(), metadata: {}, options: {} },
      turn: "t",
      request: {},
      thread: undefined,
      mode: undefined,
    };
    const events = {
      tell: (type: string, data: object) => void told.push({ type, ...data }),
      piece: () => undefined,
      room: () => Promise.resolve(),
      ask: () => Promise.reject(new Error("nobody asks")),
      hear: () => undefined,
    };
    await agent.run(turn, events, new AbortController().signal);
    expect(told).toMatchObject([
      { type: "error", code: "agent_memory", message: expect.stringContaining("300 MiB are allowed") },
    ]);
  },
);
