import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { createClock, jumpsOf, type Clock } from "../../../faults/rounds/clock.ts";
import { bareEnv } from "../../../support/bare-env.ts";

/** Says what its clocks show for each line that it reads. */
const WATCH = `require("node:readline").createInterface({ input: process.stdin }).on("line", () =>
  console.log(JSON.stringify([Date.now(), +new Date(), +new Date(7), new Date() instanceof Date])));`;

/** A process with a clock of its own: asks for what it shows, in hours later than ours. */
function watched(): { clock: Clock; shown(): Promise<{ now: number; made: number }> } {
  const dir = mkdtempSync(join(tmpdir(), "rr-clock-"));
  const clock = createClock(dir, "a");
  const child = spawn(process.execPath, [...clock.nodeOptions, "-e", WATCH], { env: bareEnv() });
  onTestFinished(async () => {
    child.kill();
    await once(child, "exit");
    rmSync(dir, { recursive: true });
  });
  const lines = createInterface({ input: child.stdout });
  const hours = (at: number): number => Math.round((at - Date.now()) / 3_600_000) + 0; // never -0
  return {
    clock,
    async shown() {
      child.stdin.write("\n");
      const [line] = (await once(lines, "line")) as [string];
      const [now = NaN, made = NaN, given, isDate] = JSON.parse(line) as number[];
      expect([given, isDate]).toEqual([7, true]);
      return { now: hours(now), made: hours(made) };
    },
  };
}

test("a process sees its clock jump, and jump back", async () => {
  const { clock, shown } = watched();
  expect(await shown()).toEqual({ now: 0, made: 0 });
  for (const [how, hours] of [
    ["5 hours on", 5],
    ["5 hours back", -5],
  ] as const) {
    const jump = jumpsOf(clock).find(({ name }) => name === `clock ${how}: a`);
    const end = await jump?.start(0);
    await expect.poll(shown).toEqual({ now: hours, made: hours });
    await end?.();
    await expect.poll(shown).toEqual({ now: 0, made: 0 });
  }
});
