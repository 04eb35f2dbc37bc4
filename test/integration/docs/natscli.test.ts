import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findNatsCli } from "../../support/natscli.ts";

test("without nats and without go there is a reason, and nothing is fetched", async () => {
  const home = await mkdtemp(join(tmpdir(), "rr-nats-"));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  expect(await findNatsCli({ PATH: home, HOME: home })).toEqual({
    missing: "no nats on the PATH, and no go to build it with",
  });
});
