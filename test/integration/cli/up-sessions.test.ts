import { readFileSync } from "node:fs";
import { join } from "node:path";
import { jetstreamManager, type StreamInfo } from "@nats-io/jetstream";
import { expect, onTestFinished, test } from "vitest";
import { readKept } from "../../../src/embedded/kept.ts";
import { connectBroker } from "../../../src/shared/log/broker.ts";
import { ADMIN_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import { startPlainServer } from "../../support/plain-server.ts";
import { dataFolder, runCli, startUp, type Up } from "../../support/up.ts";

async function folder(): Promise<string> {
  const it = await dataFolder();
  onTestFinished(() => it[Symbol.asyncDispose]());
  return it.path;
}

/** The log of sessions as the broker of `up` has it; `remove` deletes it, so that the folder is as of before sessions. */
async function sessionsOf(up: Up, remove = false): Promise<StreamInfo> {
  const { nats } = await up.ready();
  const password = readKept(up.dataDir).passwords["admin"] ?? "";
  const access = { servers: [nats], user: "admin", password };
  const nc = await connectBroker(access, { name: "test", inboxPrefix: ADMIN_INBOX });
  try {
    const jsm = await jetstreamManager(nc);
    const info = await jsm.streams.info("RR_SESSIONS");
    if (remove) for (const name of ["RR_SESSIONS", "KV_RR_SES_STATE"]) await jsm.streams.delete(name);
    return info;
  } finally {
    await nc.close();
  }
}

test("up makes the log of sessions, and a data folder from before sessions gains it", async () => {
  const home = await folder();
  const up = startUp(home);
  const { created } = await sessionsOf(up, true);
  expect(await up.stop()).toMatchObject({ code: 0 });
  const again = startUp(home);
  const { config, created: anew } = await sessionsOf(again);
  expect(config.max_bytes).toBeGreaterThanOrEqual(256 * 1024 * 1024);
  expect(Date.parse(anew)).toBeGreaterThan(Date.parse(created));
  expect(readFileSync(join(again.dataDir, "broker", "users.conf"), "utf8")).toContain('"session-prune"');
  expect(again.output.stderr).not.toContain("sessions_unavailable");
  expect(await again.stop()).toMatchObject({ code: 0 });
});

test("on a broker without room for sessions, up and provision work without them and say so", async () => {
  const settings =
    "accounts { A { jetstream { max_file: 20G, max_mem: 64M, max_streams: 3 }, users: [{user: u, password: p}] } }";
  await using server = await startPlainServer({ jetstream: true, settings });
  const env = { NATS_URL: server.url, NATS_USER: "u", NATS_PASSWORD: "p" };
  const provisioned = await runCli(["provision"], { env });
  expect(provisioned).toMatchObject({ code: 0, stderr: expect.stringContaining("sessions_unavailable: ") });
  expect(provisioned.stdout).not.toContain("log of sessions");
  const up = startUp(await folder(), { env });
  const { gateway } = await up.ready();
  expect((await fetch(`${gateway}/_relay/ready`)).status).toBe(200);
  await expect.poll(() => up.output.stderr).toContain("sessions_unavailable");
  expect(await up.stop()).toMatchObject({ code: 0 });
});
