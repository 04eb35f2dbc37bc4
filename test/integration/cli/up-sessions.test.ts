import { once } from "node:events";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { jetstreamManager, type StreamInfo } from "@nats-io/jetstream";
import { expect, onTestFinished, test } from "vitest";
import { readKept } from "../../../src/embedded/kept.ts";
import { connectBroker } from "../../../src/shared/log/broker.ts";
import { ADMIN_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import { eventually } from "../../support/eventually.ts";
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
  const up = startUp(home, { also: ["sessions"] });
  const { created } = await sessionsOf(up, true);
  expect(await up.stop()).toMatchObject({ code: 0 });
  const again = startUp(home, { also: ["sessions"] });
  const { config, created: anew } = await sessionsOf(again);
  expect(config.max_bytes).toBeGreaterThanOrEqual(256 * 1024 * 1024);
  expect(Date.parse(anew)).toBeGreaterThan(Date.parse(created));
  expect(readFileSync(join(again.dataDir, "broker", "users.conf"), "utf8")).toContain('"session-prune"');
  expect(again.output.stderr).not.toContain("sessions_unavailable");
  expect(await again.stop()).toMatchObject({ code: 0 });
});

test("up hands the settings of access on to its sessions server: keys of users, and their removal", async () => {
  const home = await folder();
  const keys = join(home, "keys");
  const sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // of `abc`
  writeFileSync(keys, `${JSON.stringify({ sha256, user: "ann", scopes: ["read", "user"] })}\n`);
  const up = startUp(home, { also: ["sessions"], env: { RUNNER_RELAY_SESSIONS_KEYS_FILE: keys } });
  const { sessions = "" } = await up.ready();
  const asked = async (): Promise<number> =>
    (await fetch(`${sessions}/sessions`, { headers: { "x-api-key": "abc" } })).status;
  await expect.poll(asked).toBe(200);
  writeFileSync(keys, "");
  await expect.poll(asked).toBe(401);
  expect(await up.stop()).toMatchObject({ code: 0 });
});

test("up runs a sessions server and a worker, which run a turn; both come back on the same port when they are killed", async () => {
  const up = startUp(await folder(), { also: ["sessions", "console"] });
  const { sessions = "", page = "", console: origin } = await up.ready();
  expect(page.startsWith(`${origin}/`)).toBe(true);
  const file = join(up.dataDir, "sessions.key");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const key = readFileSync(file, "utf8").trim();
  expect(key).toMatch(/^[\w-]{43}$/);
  expect(up.output.stdout).not.toContain(key);
  const headers = { "x-api-key": key, "content-type": "application/json" };
  const run = async (id: string): Promise<void> => {
    const body = JSON.stringify({ session_id: id, prompt: "hello" });
    const made = await fetch(`${sessions}/sessions`, { method: "POST", headers, body });
    expect(made.status).toBe(201);
    await eventually(async () => {
      const events = await fetch(`${sessions}/sessions/${id}/events`, { headers });
      expect(await events.text()).toContain('"outcome":"finished"');
    });
  };
  await run("a");
  expect((await fetch(`${sessions}/sessions`)).status).toBe(401);
  for (const name of ["serve", "worker"]) process.kill(pidOf(up, name), "SIGKILL");
  await eventually(async () => expect((await fetch(`${sessions}/health`)).status).toBe(200));
  await run("b");
  expect(await up.stop()).toMatchObject({ code: 0 });
  expect(up.processes()).toEqual([]);
});

/** Process id of the newest run of a child, as its log lines say. */
function pidOf(up: Up, name: string): number {
  const pids = [...up.output.stderr.matchAll(new RegExp(`"name":"${name}","pid":(\\d+)`, "g"))];
  return Number(pids.at(-1)?.[1]);
}

test("up without sessions starts neither; a port that was asked for and is taken ends it", async () => {
  const up = startUp(await folder());
  const info = await up.ready();
  expect(info).not.toHaveProperty("sessions");
  expect(up.output.stdout).not.toContain("sessions ");
  expect(up.output.stderr).not.toMatch(/"name":"(?:serve|worker)"/);
  const { port } = new URL(info.relay);
  const other = startUp(await folder(), { args: ["--sessions-port", port], also: ["sessions"] });
  const [code] = (await once(other.process, "close")) as [number | null];
  expect(code).toBe(78);
  expect(other.output.stderr).toMatch(/port_taken: .*--sessions-port/);
  expect(await up.stop()).toMatchObject({ code: 0 });
});

test("on a broker without room for sessions, up and provision work without them and say so", async () => {
  const settings =
    "accounts { A { jetstream { max_file: 20G, max_mem: 64M, max_streams: 3 }, users: [{user: u, password: p}] } }";
  await using server = await startPlainServer({ jetstream: true, settings });
  const env = { NATS_URL: server.url, NATS_USER: "u", NATS_PASSWORD: "p" };
  const provisioned = await runCli(["provision"], { env });
  expect(provisioned).toMatchObject({ code: 0, stderr: expect.stringContaining("sessions_unavailable: ") });
  expect(provisioned.stdout).not.toContain("log of sessions");
  const up = startUp(await folder(), { also: ["sessions"], env });
  const { gateway, sessions } = await up.ready();
  expect(sessions).toBeUndefined();
  expect(up.output.stdout).toContain("sessions     are not running yet; the log says");
  expect((await fetch(`${gateway}/_relay/ready`)).status).toBe(200);
  await expect.poll(() => up.output.stderr).toContain("sessions_unavailable");
  expect(await up.stop()).toMatchObject({ code: 0 });
});
