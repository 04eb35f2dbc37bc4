import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { createChildren } from "../../../src/guard/children.ts";
import type { Guard } from "../../../src/guard/guard.ts";
import { killMarked } from "../../../src/guard/kill.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { NO_PID_FILES } from "../../support/no-pid-files.ts";

const HOLD = {
  until: () => systemClock.now() + 60_000,
  onRenewed: () => () => {},
  lost: new AbortController().signal,
};
const SLEEP = { file: "/bin/sleep", args: ["60"] };

/** Programs whose guard knows them when `known` resolves. */
function childrenOf(mark: string, known: Promise<void>, signal = new AbortController().signal) {
  const guard = { watch: () => known, extend: () => {}, forget: () => {}, lives: () => true };
  const spawn = { guard: (): Guard => guard, clock: createFakeClock(), env: {}, random: () => mark }; // time stands still: nothing is ended because it is late
  return createChildren({ ...spawn, pidFiles: NO_PID_FILES }, { hold: HOLD, folder: tmpdir() }, signal);
}

test("LEFT-1: a program that is still starting when its turn ends does not stay", async () => {
  const known = Promise.withResolvers<void>();
  const children = childrenOf("m-late", known.promise);
  const starting = children.spawn(SLEEP);
  const ended = children.end();
  known.resolve();
  await ended;
  expect(await (await starting).ended).toMatchObject({ signal: "SIGTERM" });
  expect(await killMarked(0, "m-late"), "nothing was left to kill").toBe(false);
});

test("a program that is still starting when its turn is stopped is asked to end at once", async () => {
  const known = Promise.withResolvers<void>();
  const stopping = new AbortController();
  const children = childrenOf("m-stopped", known.promise, stopping.signal);
  const starting = children.spawn(SLEEP);
  stopping.abort();
  known.resolve();
  expect(await (await starting).ended).toMatchObject({ signal: "SIGTERM" });
  await children.end();
});

test("nothing is started for a turn that is over", async () => {
  const children = childrenOf("m-over", Promise.resolve());
  await children.end();
  await expect(children.spawn(SLEEP)).rejects.toThrow("the turn is over");
});

test("the end does not fail because a program could not be started", async () => {
  const children = childrenOf("m-refused", Promise.reject(new Error("the guard has ended")));
  await expect(children.spawn(SLEEP)).rejects.toThrow("the guard has ended");
  await children.end();
});
