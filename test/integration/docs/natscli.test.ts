import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findNatsCli, natsCli, setUpNatsCli } from "../../support/natscli.ts";

test("the nats CLI was found or built before the first test, or it is said why not", () => {
  const found = natsCli();
  if ("missing" in found) {
    console.log(`the nats commands of docs/operations are not run: ${found.missing}`);
    expect(found.missing).toMatch(/^no nats on the PATH, and /);
  } else {
    const { status, stdout } = spawnSync(found.path, ["--version"], { encoding: "utf8" });
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^v?\d+\.\d+\.\d+/)]);
  }
});

test("without nats and without go there is a reason, and nothing is fetched", async () => {
  const home = await mkdtemp(join(tmpdir(), "rr-nats-"));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  expect(await findNatsCli({ PATH: home, HOME: home })).toEqual({
    missing: "no nats on the PATH, and no go to build it with",
  });
});

test("the set-up hands on what it found, and why it found nothing", async () => {
  const home = await mkdtemp(join(tmpdir(), "rr-nats-"));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const without: NodeJS.ProcessEnv = { PATH: home, HOME: home };
  await setUpNatsCli(without);
  expect(natsCli(without)).toEqual({ missing: "no nats on the PATH, and no go to build it with" });
  const command = join(home, "nats");
  await writeFile(command, "#!/bin/sh\n", { mode: 0o755 });
  const withOne: NodeJS.ProcessEnv = { PATH: home, HOME: home };
  await setUpNatsCli(withOne);
  expect(natsCli(withOne)).toEqual({ path: command });
});
