import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { headers } from "@nats-io/nats-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ReadyInfo } from "../../../src/cli/up/kept.ts";
import { errorText } from "../../../src/shared/base/errors.ts";
import { connectBroker } from "../../../src/shared/log/broker.ts";
import { gatewayInbox } from "../../../src/shared/log/schema/subjects.ts";
import { bareEnv } from "../../support/bare-env.ts";
import { dataFolder, runCli, startUp, type Finished, type Up } from "../../support/up.ts";
import { commandOf, folder, passwordsOf, pidOf, post } from "./up-harness.ts";

/** Who gets which secret under `up`, and what each of them opens. */

function environ(up: Up, part: string): string {
  return readFileSync(`/proc/${pidOf(up, part)}/environ`, "utf8");
}

/** Types a command in a shell of another terminal, in another folder. */
async function asTyped(command: string): Promise<Finished> {
  const env = { ...bareEnv(), HOME: process.env["HOME"] };
  const shell = spawn("sh", ["-c", command], { cwd: "/", env });
  const said = { stdout: "", stderr: "" };
  shell.stdout.on("data", (chunk: Buffer) => (said.stdout += chunk.toString()));
  shell.stderr.on("data", (chunk: Buffer) => (said.stderr += chunk.toString()));
  const [code] = (await once(shell, "close")) as [number | null];
  return { code, ...said };
}

/** Checks that the gateway's login at the embedded broker writes events of one runner only. */
async function expectOnlyRunner(up: Up, nats: string, runner: string, other: string): Promise<void> {
  const access = { servers: [nats], user: "gateway-gw1", password: passwordsOf(up)["gateway-gw1"] ?? "" };
  const login = await connectBroker(access, { name: "thief", inboxPrefix: gatewayInbox("gw1") });
  const head = headers();
  head.set("Nats-Expected-Stream", "none"); // stores nothing
  const write = (name: string): Promise<string> =>
    login.request(`rr.ev.0.${name}.s.event`, "", { headers: head, timeout: 20_000 }).then(
      () => "allowed",
      (error: unknown) => errorText(error),
    );
  expect(await write(runner)).toBe("allowed");
  expect(await write(other)).toMatch(/permissions violation/i);
  expect(await write("r")).toMatch(/permissions violation/i);
  await login.close();
}

async function statusOf(url: string, key?: string): Promise<number> {
  const init = key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } };
  return (await fetch(url, init)).status;
}

/** Settings that may hold a credential of the coordinator. */
const CREDENTIALS = { RUNNER_RELAY_API_KEY: "top-secret-key", OTHER_TOKEN_FILE: "/run/top-secret" };
const LOGINS = ["host=2E1=2Ea=20b", "host=2E1=2Eother", "r=2A"] as const;

describe("up with its own stand-in", () => {
  let home: Awaited<ReturnType<typeof dataFolder>>;
  let up: Up;
  let ready: ReadyInfo;
  let token: string;

  beforeAll(async () => {
    home = await dataFolder();
    up = startUp(home.path, {
      args: ["--hostname", "host.1", "--profile", "a b"],
      also: ["sessions", "console"],
      env: {
        ...CREDENTIALS,
        AUTH0_DOMAIN: "top-secret.example",
        AUTH0_RUNNER_CLIENT_SECRET: "top-secret",
        RUNNER_RELAY_COORDINATOR_RECORD: "true",
        RUNNER_RELAY_COORDINATOR_FAULTS: "true",
        RUNNER_RELAY_LOG_LEVEL: "trace",
      },
    });
    ready = await up.ready();
    token = new URL(ready.page ?? "").searchParams.get("token") ?? "";
    expect((await post(ready.gateway, "s1", 1)).ok).toBe(true);
  });
  afterAll(() => home[Symbol.asyncDispose]());

  test("CRED-1: no process has a credential of the coordinator, because the stand-in gets none", () => {
    for (const part of ["gateway", "standin", "relay", "console"]) {
      expect(environ(up, part), part).not.toContain("top-secret");
      expect(commandOf(pidOf(up, part)), part).not.toContain(up.dataDir);
    }
  });

  test("the gateway's login at the embedded broker writes events of its own runner only", () =>
    expectOnlyRunner(up, ready.nats, LOGINS[0], LOGINS[1]));

  test("the page's address with its token is printed, and kept for its user only", async () => {
    const { relay, page = "" } = ready;
    expect(up.output.stdout).toContain(page);
    expect((await fetch(page, { redirect: "manual" })).status).toBe(303);
    expect(await statusOf(`${relay}/status`, token)).toBe(200);
    expect(await statusOf(`${relay}/status`)).toBe(401);
    for (const file of [up.readyFile, join(up.dataDir, "running.json"), join(up.dataDir, "page-token")])
      expect(statSync(file).mode & 0o777, file).toBe(0o600);
    expect((await runCli(["page", "--data", up.dataDir])).stdout).toBe(`${page}\n`);
    for (const pid of [up.process.pid ?? 0, ...up.processes()]) {
      expect(commandOf(pid), "ps shows it").not.toContain(token);
      expect(readFileSync(`/proc/${pid}/environ`, "utf8")).not.toContain(token);
    }
    await expect.poll(() => up.output.stderr).toContain(join(up.dataDir, "page-token"));
  });

  test("the printed commands work in another terminal", async () => {
    for (const name of ["executor", "look", "check"]) {
      const printed = new RegExp(`^  ${name} +(.*?)(?:, or .*)?$`, "m").exec(up.output.stdout)?.[1] ?? "";
      expect((await asTyped(printed.replace("COMMAND", "true"))).code, printed).toBe(0);
    }
  });

  test("CRED-1: exec gives its command the gateway and no secret, and its exit code back", async () => {
    const script = "console.log(JSON.stringify(process.env)); process.exit(7)";
    const done = await runCli(["exec", "--data", up.dataDir, "--", process.execPath, "-e", script], {
      env: {
        NATS_URL: "nats://h",
        RUNNER_RELAY_API_KEY: "secret",
        X_FILE: "/x",
        AUTH0_DOMAIN: "d",
        MINE: "stays",
      },
    });
    expect(done.code).toBe(7);
    const seen = JSON.parse(done.stdout) as Record<string, string>;
    expect(seen).toMatchObject({ AGENT_ORCHESTRATOR_API_URL: ready.gateway, MINE: "stays" });
    for (const name of ["NATS_URL", "RUNNER_RELAY_API_KEY", "X_FILE", "AUTH0_DOMAIN"])
      expect(seen).not.toHaveProperty(name);
  });

  test("the stand-in shows nothing and takes nothing without its key, which its relay has", async () => {
    const { coordinator, gateway } = ready;
    await expect.poll(async () => (await post(gateway, "s1", 2)).status).toBe(201);
    const file = join(up.dataDir, "coordinator-key");
    const key = readFileSync(file, "utf8").trim();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    for (const path of [
      "/sessions",
      "/sessions/s1/events",
      "/sse/sessions",
      "/runs",
      "/_ledger",
      "/_ledger/summary",
      "/_faults",
    ]) {
      expect(await statusOf(coordinator + path), path).toBe(401);
      expect(await statusOf(coordinator + path, `${key}x`), path).toBe(403);
    }
    expect((await post(`${coordinator}/sessions/s1`, "s1", 2)).status).toBe(401);
    const faults = { method: "POST", body: '{"rules":[]}' };
    expect((await fetch(`${coordinator}/_faults`, faults)).status).toBe(401);
    expect(await statusOf(`${coordinator}/sessions`, key)).toBe(200);
    expect(await statusOf(`${gateway}/sessions`), "through the gateway, as an executor").toBe(200);
  });

  test("no log line has a token or a key, even at trace; a console that is gone has no address", async () => {
    const key = readFileSync(join(up.dataDir, "coordinator-key"), "utf8").trim();
    await up.stop();
    expect(up.output.stderr).not.toContain(token);
    expect(up.output.stdout + up.output.stderr).not.toContain(key);
    const gone = await runCli(["page", "--data", up.dataDir]);
    expect(gone.stderr).toMatch(/^nothing_found: no console is running in /);
  });

  test("after a restart a configured token and key count, and the gateway's login writes as the new runner only", async () => {
    const key = readFileSync(join(up.dataDir, "coordinator-key"), "utf8").trim();
    const file = join(home.path, "chosen");
    writeFileSync(file, "a-token-that-i-chose\n");
    const again = startUp(home.path, {
      args: ["--hostname", "host.1", "--profile", "other"],
      also: ["console"],
      env: { RUNNER_RELAY_COORDINATOR_TOKEN: "the-one-that-i-set", RUNNER_RELAY_PAGE_TOKEN_FILE: file },
    });
    const { gateway, coordinator, nats, page = "" } = await again.ready();
    await expect.poll(async () => (await post(gateway, "s1", 3)).status).toBe(201);
    expect(await statusOf(`${coordinator}/sessions`, "the-one-that-i-set")).toBe(200);
    expect(await statusOf(`${coordinator}/sessions`, key)).toBe(403);
    expect(new URL(page).searchParams.get("token")).toBe("a-token-that-i-chose");
    expect((await fetch(page, { redirect: "manual" })).status).toBe(303);
    expect((await runCli(["page", "--data", again.dataDir])).stdout).toBe(`${page}\n`);
    await expectOnlyRunner(again, nats, LOGINS[1], LOGINS[0]);
    await again.stop();
    expect(again.output.stderr).not.toContain("a-token-that-i-chose");
  });
});

test("CRED-1: the gateway's process has no credential of the coordinator; the relay's process has only its own", async () => {
  const up = startUp(await folder(), {
    env: CREDENTIALS,
    args: ["--coordinator", "http://127.0.0.1:1", "--runner", "r*"],
    also: ["console"],
  });
  const { nats } = await up.ready();
  expect(environ(up, "gateway")).not.toContain("top-secret");
  expect(environ(up, "relay")).toContain("top-secret-key");
  expect(environ(up, "relay")).not.toContain("/run/top-secret");
  expect(environ(up, "gateway"), "its login comes later").not.toContain("NATS_");
  expect(environ(up, "relay")).toContain("NATS_USER=relay");
  expect(environ(up, "console")).not.toContain("top-secret");
  expect(environ(up, "console")).toContain("NATS_USER=console");
  await expectOnlyRunner(up, nats, LOGINS[2], LOGINS[1]);
  await up.stop();
});

test("a weak token is refused by its name", async () => {
  const weak = startUp(await folder(), { env: { RUNNER_RELAY_PAGE_TOKEN: "short" } });
  const [code] = (await once(weak.process, "close")) as [number];
  expect(code).toBe(78);
  expect(weak.output.stderr).toMatch(/^config_invalid: RUNNER_RELAY_PAGE_TOKEN must have at least 16/m);
});

test("a data folder that others can write is refused; in one that they can read, they can read no file", async () => {
  const where = await folder();
  const data = join(where, "data");
  mkdirSync(data);
  chmodSync(data, 0o777);
  const open = await runCli(["up", "--data", data]);
  expect([open.code, open.stderr]).toEqual([1, expect.stringMatching(/^data_unusable: .*chmod 700/m)]);
  chmodSync(data, 0o755);
  const up = startUp(where);
  const { gateway } = await up.ready();
  expect((await post(gateway, "s1", 1)).ok).toBe(true);
  const readable = readdirSync(data, { withFileTypes: true })
    .map(({ name }) => name)
    .filter((name) => (statSync(join(data, name), { throwIfNoEntry: false })?.mode ?? 0) & 0o077);
  expect(readable).toEqual([]);
  await up.stop();
});
