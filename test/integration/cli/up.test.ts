import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { ReadyInfo } from "../../../src/cli/up/kept.ts";
import { connectBroker } from "../../../src/shared/log/broker.ts";
import { SERVE_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import { dataFolder, runCli, startUp, type Up } from "../../support/up.ts";
import { brokerOf, folder, passwordsOf, pidOf, post, posted } from "./up-harness.ts";

/** One `up` from its start to its end. Ports, stops and secrets have files beside this one. */

function groupOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[2]);
}

async function isHealthy(url: string): Promise<boolean> {
  return (await fetch(url).catch(() => undefined))?.status === 200;
}

/** Deletes a session as its server does, while a process that does not know writes into it. Resolves when `up` has erased it. */
async function eraseSession(up: Up, nats: string): Promise<void> {
  const access = { servers: [nats], user: "serve", password: passwordsOf(up)["serve"] ?? "" };
  const serve = await connectBroker(access, { name: "test", inboxPrefix: SERVE_INBOX });
  const ask = async (subject: string, payload: string): Promise<string> =>
    (await serve.request(subject, payload, { timeout: 20_000 })).string();
  expect(await ask("rr.ses.gone.in.push", "late")).toContain('"stream":"RR_SESSIONS"');
  expect(await ask("$KV.RR_SES_STATE.tombstone.gone", "1")).toContain('"seq"');
  const last = JSON.stringify({ last_by_subj: "rr.ses.gone.>" });
  const found = (): Promise<string> => ask("$JS.API.STREAM.MSG.GET.RR_SESSIONS", last);
  await expect.poll(found).toContain("no message found");
  await serve.close();
}

describe("up on a new folder", () => {
  let home: Awaited<ReturnType<typeof dataFolder>>;
  let up: Up;
  let ready: ReadyInfo;

  beforeAll(async () => {
    home = await dataFolder();
    // without a chosen port: what is free is chosen once, and kept
    up = startUp(home.path, { args: ["--port", "0"], also: ["sessions", "console"] });
    ready = await up.ready();
  });
  afterAll(() => home[Symbol.asyncDispose]());

  test("has a ready file, a folder for its user only, and delivers to the stand-in", async () => {
    expect(ready).toEqual({
      gateway: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      relay: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      nats: expect.stringMatching(/^nats:\/\/127\.0\.0\.1:\d+$/),
      coordinator: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      pid: up.process.pid,
      page: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{43}$/),
      console: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      sessions: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    });
    expect((await post(ready.gateway, "s1", 1)).status).toBe(201);
    expect(up.output.stdout).toContain(ready.gateway);
    expect(statSync(up.dataDir).mode & 0o777).toBe(0o700);
  });

  test("erases deleted sessions", () => eraseSession(up, ready.nats));

  test("gives each child a process group of its own, so that Ctrl-C reaches up alone", () => {
    const own = groupOf(up.process.pid ?? 0);
    for (const part of ["gateway", "relay", "console", "standin"])
      expect(groupOf(pidOf(up, part))).not.toBe(own);
  });

  test("continues when a second up on the same folder is refused", async () => {
    const second = await runCli(["up", "--data", up.dataDir]);
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(
      /^data_locked: runner-relay already runs with the data folder .*; stop it, or choose another folder with --data /m,
    );
    expect(await isHealthy(`${ready.gateway}/_relay/health`)).toBe(true);
  });

  test("restarts a killed gateway, relay or console on the port that it had, and no other process", async () => {
    const parts = ["gateway", "relay", "console"] as const;
    await expect.poll(() => parts.map((part) => pidOf(up, part)).every((pid) => pid > 0)).toBe(true);
    for (const part of parts) {
      const before = new Map(parts.map((it) => [it, pidOf(up, it)]));
      process.kill(before.get(part) ?? 0, "SIGKILL");
      const health = {
        gateway: `${ready.gateway}/_relay/health`,
        relay: `${ready.relay}/health`,
        console: new URL("/health", ready.page ?? "").href,
      }[part];
      await expect.poll(() => isHealthy(health)).toBe(true);
      await expect.poll(() => pidOf(up, part)).not.toBe(before.get(part));
      for (const other of parts) if (other !== part) expect(pidOf(up, other), other).toBe(before.get(other));
    }
    expect(await up.ready()).toEqual(ready);
  });

  test("restarts a killed broker, and delivers again", async () => {
    process.kill(brokerOf(up), "SIGKILL");
    await expect.poll(() => posted(ready.gateway, "s2")).toBe(201);
  });

  test("says where a relay is whose port another program took meanwhile", async () => {
    const port = Number(new URL(ready.relay).port);
    process.kill(pidOf(up, "relay"), "SIGKILL");
    const other = createServer();
    onTestFinished(() => void other.close());
    await expect
      .poll(() => {
        if (!other.listening) other.listen(port, "127.0.0.1").once("error", () => undefined); // the dead one may still have it
        return other.listening;
      })
      .toBe(true);
    await expect.poll(async () => (await up.ready()).relay).not.toBe(ready.relay);
    await expect.poll(() => posted(ready.gateway, "s1")).toBe(201);
  });

  test("drains on Ctrl-C, although the terminal sends it to the broker as well, and leaves nothing", async () => {
    process.kill(brokerOf(up), "SIGINT");
    const { code } = await up.stop("SIGINT");
    expect({ code, stderr: code === 0 ? "" : up.output.stderr }).toEqual({ code: 0, stderr: "" });
    expect(up.processes()).toEqual([]);
    expect(existsSync(up.readyFile)).toBe(false);
  });
});

test("kill -9 of up leaves no process; with the status page off no console runs", async () => {
  const up = startUp(await folder());
  expect((await up.ready()).page).toBeUndefined();
  expect(up.output.stdout).not.toMatch(/^ {2}console/m);
  expect(() => pidOf(up, "console")).toThrow("no console runs");
  expect(up.processes().length).toBeGreaterThanOrEqual(4);
  up.process.kill("SIGKILL");
  await expect.poll(() => up.processes()).toEqual([]);
});

test("exec without a gateway says so", async () => {
  const done = await runCli(["exec", "--data", await folder(), "--", "true"]);
  expect(done.code).toBe(1);
  expect(done.stderr).toMatch(/^nothing_found: no gateway is running in/);
});

test("a command without a running up says where it looked", async () => {
  const where = await folder();
  const done = await runCli(["status", "--data", where]);
  expect(done.code).toBe(1);
  const said = `log_unreachable: \`runner-relay up\` is not running with data folder ${where} (--data), and NATS_URL is not set; nats://127.0.0.1:4222: `;
  if (!done.stderr.startsWith("broker_refused")) expect(done.stderr).toContain(said); // a foreign broker may listen there
});
