import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findNatsCli } from "../../support/natscli.ts";

test("the nats CLI is found or built, or it is said why not", { timeout: 400_000 }, async () => {
  const found = await findNatsCli();
  if ("missing" in found) {
    console.log(`the nats commands of docs/operations.md are not run: ${found.missing}`);
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
