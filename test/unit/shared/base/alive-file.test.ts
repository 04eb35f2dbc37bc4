import { existsSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createAliveFile } from "../../../../src/shared/base/alive-file.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "rr-alive-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

test("a process that lives writes its file every 10 s; one that starts or has stopped has none", async () => {
  const file = join(folder(), "alive");
  writeFileSync(file, "of an earlier run");
  const clock = createFakeClock();
  const alive = createAliveFile(file, clock);
  expect(existsSync(file)).toBe(false);
  alive.start();
  expect(statSync(file).size).toBe(0);
  for (const _ of [1, 2]) {
    utimesSync(file, 1, 1);
    await clock.pass(9999);
    expect(statSync(file).mtimeMs).toBe(1000);
    await clock.pass(1);
    expect(statSync(file).mtimeMs).toBe(clock.wall());
  }
  alive.stop();
  expect(existsSync(file)).toBe(false);
  expect(clock.pending()).toBe(0);
});

test("a file that cannot be written now is written later", async () => {
  const at = folder();
  const clock = createFakeClock();
  const alive = createAliveFile(join(at, "alive"), clock);
  rmSync(at, { recursive: true });
  alive.start();
  expect(existsSync(join(at, "alive"))).toBe(false);
  await clock.pass(10_000);
  alive.stop();
});

test("a file that can never be written is refused at the start; without a name there is none", () => {
  const clock = createFakeClock();
  expect(() => createAliveFile("/proc/none/alive", clock)).toThrow(/RUNNER_RELAY_ALIVE_FILE/);
  const none = createAliveFile(undefined, clock);
  none.start();
  none.stop();
  expect(clock.pending()).toBe(0);
});
