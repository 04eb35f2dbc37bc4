import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { natsServerPath } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { startUp } from "../../support/up.ts";
import { brokerOf, folder, pidOf, post } from "./up-harness.ts";

/** Stops of `up` with something that does not stop. */

test("a stop does not wait for a broker that is not ready and ignores TERM: after its crash, or at the start of `up`", async () => {
  const where = await folder();
  const [binary, hangs, hung] = ["nats-server", "hangs", "hung"].map((name) => join(where, name));
  const script = `#!/bin/sh
if [ "$1" = -c ] && [ -e '${hangs}' ]; then trap '' TERM; : > '${hung}'; while :; do sleep 0.1; done; fi
exec '${await natsServerPath()}' "$@"\n`;
  writeFileSync(String(binary), script, { mode: 0o755 });
  const env = { NATS_SERVER_BIN: String(binary) };
  const isHung = (): Promise<void> => eventually(() => expect(existsSync(String(hung))).toBe(true));
  const running = startUp(where, { env, args: ["--port", "0"] });
  await running.ready();
  writeFileSync(String(hangs), "");
  process.kill(brokerOf(running), "SIGKILL");
  await isHung();
  expect((await running.stop("SIGINT")).code).toBe(0);
  expect(running.output.stderr).not.toMatch(/stuck|does not start/);
  await eventually(() => expect(running.processes()).toEqual([]));
  rmSync(String(hung));
  const starting = startUp(where, { env, args: ["--port", "0"] });
  await isHung();
  expect((await starting.stop("SIGINT")).code).toBe(0);
  expect(starting.output.stderr).not.toMatch(/stuck/);
  await eventually(() => expect(starting.processes()).toEqual([]));
});

test("a second signal kills what still runs", async () => {
  const up = startUp(await folder());
  await up.ready();
  process.kill(pidOf(up, "relay"), "SIGSTOP"); // it would use up its whole grace
  up.process.kill("SIGTERM");
  await expect.poll(() => existsSync(up.readyFile), { interval: 5 }).toBe(false);
  await up.stop();
  expect(up.output.stderr, "no grace was over").not.toContain("child does not stop, killing it");
  expect(up.processes()).toEqual([]);
});

test("a child that is stuck is killed when its grace is over; the gateway serves until then", async () => {
  const up = startUp(await folder());
  const { gateway } = await up.ready();
  process.kill(pidOf(up, "relay"), "SIGSTOP");
  const stopped = up.stop();
  await expect.poll(() => existsSync(up.readyFile), { interval: 5 }).toBe(false);
  const answer = await post(gateway, "s1", 1, { prefer: "respond-async" });
  expect(answer.status).toBe(202);
  expect((await stopped).code).toBe(0);
  expect(up.output.stderr).toContain("child does not stop, killing it");
  expect(up.output.stdout).toMatch(/1 event is pending in .*data and will be delivered at the next start/);
  expect(up.processes()).toEqual([]);
});
