import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { runCli, startUp } from "../../support/up.ts";
import { folder, pidOf, post } from "./up-harness.ts";

/** The addresses of what `up` starts, over its restarts, and the coordinator's. */

async function otherProgram(): Promise<number> {
  const server = createServer((_, response) => response.end("{}")).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

test("all addresses are kept over a restart; pending events are reported at the stop, and delivered after it", async () => {
  const where = await folder();
  const first = startUp(where, { also: ["sessions", "console"] });
  const before = await first.ready();
  process.kill(pidOf(first, "standin"), "SIGSTOP"); // an outage
  const accepted = await post(before.gateway, "s1", 1, { prefer: "respond-async" });
  expect(accepted.status).toBe(202);
  expect((await first.stop()).code).toBe(0);
  expect(first.output.stdout).toMatch(/1 event is pending in .*data and will be delivered at the next start/);

  const second = startUp(where, { also: ["sessions", "console"] });
  const after = await second.ready();
  expect({ ...after, pid: 0 }).toEqual({ ...before, pid: 0 });
  await expect
    .poll(async () => (await runCli(["status", "--json", "--data", second.dataDir])).stdout)
    .toContain('"events": 0');
  expect((await second.stop()).code).toBe(0);

  const changed = startUp(where, { args: ["--coordinator", `http://127.0.0.1:${await otherProgram()}`] });
  const [code] = (await once(changed.process, "close")) as [number];
  expect(code, "a service manager must not start it again").toBe(78);
  expect(changed.output.stderr).toMatch(/^coordinator_changed: /m);
  expect(changed.processes()).toEqual([]);
});

test("a console that cannot start is reported, and everything else runs", async () => {
  const port = await otherProgram();
  const up = startUp(await folder(), { args: ["--console-port", String(port)], also: ["console"] });
  const { gateway, page } = await up.ready();
  expect(page).toBeUndefined();
  expect(up.output.stdout).toMatch(/^ {2}console {6}is not running/m);
  expect(up.output.stderr).toMatch(/"code":"port_taken".*the console cannot be started/);
  expect((await post(gateway, "s1", 1)).ok).toBe(true);
  expect((await up.stop()).code).toBe(0);
});
