import { expect, test } from "vitest";
import { keepConsole, pageOrNot, PAGE_WAIT_MS } from "../../../src/cli/up/status-page.ts";
import type { Child } from "../../../src/cli/up/child.ts";
import type { ChildPlan } from "../../../src/cli/up/child-run.ts";
import type { ReadyInfo } from "../../../src/cli/up/kept.ts";
import { codedError } from "../../../src/shared/base/errors.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { pino } from "pino";

function plan(): ChildPlan {
  return { name: "console", main: "main.ts", args: [], env: {}, nodeOptions: [] };
}

test("it is waited for, but not for ever, and not when it cannot start", async () => {
  const clock = createFakeClock();
  await pageOrNot({ ready: Promise.resolve("http://127.0.0.1:1") }, clock);
  await pageOrNot({ ready: Promise.reject(new Error("it ended")) }, clock);
  let waited = false;
  const never = pageOrNot({ ready: new Promise(() => undefined) }, clock).then(() => (waited = true));
  await clock.pass(PAGE_WAIT_MS - 1);
  expect(waited).toBe(false);
  await clock.pass(1);
  await never;
});

test("its address includes the token, it keeps its port, and its failure is logged and ends nothing else", async () => {
  const lines: string[] = [];
  const info: Partial<ReadyInfo> = {};
  const console = plan();
  let learn: (url: string) => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const { ready } = keepConsole({
    after: Promise.resolve(),
    start(_plan, learned, onFatal) {
      learn = learned;
      fail = onFatal;
      return { ready: Promise.resolve("http://127.0.0.1:4711") } as Child;
    },
    plan: console,
    info,
    pageToken: "a-token",
    log: pino({ level: "error" }, { write: (line: string) => lines.push(line) }),
  });
  await ready;
  learn("http://127.0.0.1:4711");
  expect(info.page).toBe("http://127.0.0.1:4711/?token=a-token");
  expect(console.keptPort).toBe(4711);
  fail(codedError("child_failed", "console ended with code 78; it says why above"));
  expect(info.page).toBeUndefined();
  expect(JSON.parse(lines.join(""))).toMatchObject({
    level: 50,
    code: "child_failed",
    msg: "the console cannot be started; everything else runs without it",
  });
});

test("it starts after gateway and relay, and not at all when everything stops before", async () => {
  const serving = Promise.withResolvers<void>();
  let started = 0;
  const options = {
    after: serving.promise,
    start: () => {
      started++;
      return {
        ready: Promise.resolve("http://127.0.0.1:4711"),
        stop: async () => undefined,
      } as unknown as Child;
    },
    plan: plan(),
    info: {},
    pageToken: "a-token",
    log: pino({ level: "silent" }),
  };
  const kept = keepConsole(options);
  const stopped = keepConsole(options);
  await stopped.stop(0);
  expect(started).toBe(0);
  serving.resolve();
  await kept.ready;
  await expect(stopped.ready).rejects.toThrow(/stopped/);
  expect(started).toBe(1);
});
