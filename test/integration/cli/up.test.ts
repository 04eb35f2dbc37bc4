import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  rmSync,
} from "node:fs";
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { headers } from "@nats-io/nats-core";
import { expect, onTestFinished, test } from "vitest";
import { connectBroker } from "../../../src/shared/log/broker.ts";
import { errorText } from "../../../src/shared/base/errors.ts";
import { gatewayInbox, SERVE_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import { bareEnv } from "../../support/bare-env.ts";
import { natsServerPath } from "../../support/broker.ts";
import { eventually, PATIENCE_MS } from "../../support/eventually.ts";
import { dataFolder, runCli, startUp, type Finished, type Up } from "../../support/up.ts";

async function folder(): Promise<string> {
  const it = await dataFolder();
  onTestFinished(() => it[Symbol.asyncDispose]());
  return it.path;
}

/** The composition root that a process of ours runs. */
function pidOf(up: Up, part: string): number {
  const pid = up.processes().find((it) => commandOf(it).includes(`/${part}/main.`) && it !== up.process.pid);
  if (pid === undefined) throw new Error(`no ${part} runs`);
  return pid;
}

function brokerOf(up: Up): number {
  const pid = up.processes().find((it) => commandOf(it).includes("nats-server.conf"));
  if (pid === undefined) throw new Error("no broker runs");
  return pid;
}

function groupOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[2]);
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

function post(
  gateway: string,
  session: string,
  n: number,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${gateway}/events`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({
      session_id: session,
      event_type: "message",
      timestamp: "2026-01-01T00:00:00Z",
      n,
    }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
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

async function health(gateway: string): Promise<number> {
  return (await fetch(`${gateway}/_relay/health`)).status;
}

function passwordsOf(up: Up): Record<string, string> {
  const kept = readFileSync(join(up.dataDir, "broker", "kept.json"), "utf8");
  return (JSON.parse(kept) as { passwords: Record<string, string> }).passwords;
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

test("ready file, delivery to the stand-in, 0700 folder, deleted sessions erased, SIGTERM leaves nothing", async () => {
  const up = startUp(await folder());
  const ready = await up.ready();
  expect(ready).toEqual({
    gateway: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    relay: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    nats: expect.stringMatching(/^nats:\/\/127\.0\.0\.1:\d+$/),
    coordinator: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    pid: up.process.pid,
    page: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{43}$/),
  });
  const answer = await post(ready.gateway, "s1", 1);
  expect(answer.ok).toBe(true); // 201 of the stand-in, or 202 while the relay still looks at it
  expect(up.output.stdout).toContain(ready.gateway);
  expect(statSync(up.dataDir).mode & 0o777).toBe(0o700);
  await eraseSession(up, ready.nats);
  expect((await up.stop()).code).toBe(0);
  expect(up.processes()).toEqual([]);
  expect(() => statSync(up.readyFile)).toThrow();
});

test("the gateway's login at the embedded broker writes events of its own runner only, also after a restart with another", async () => {
  const dataDir = await folder();
  for (const [args, runner, other] of [
    [["--hostname", "host.1", "--profile", "a b"], "host=2E1=2Ea=20b", "host=2E1=2Eother"],
    [["--hostname", "host.1", "--profile", "other"], "host=2E1=2Eother", "host=2E1=2Ea=20b"],
    [["--runner", "r*"], "r=2A", "host=2E1=2Eother"],
  ] as const) {
    const up = startUp(dataDir, { args: [...args] });
    const { gateway, nats } = await up.ready();
    expect((await post(gateway, "s1", 1)).ok).toBe(true);
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
    expect((await up.stop()).code).toBe(0);
  }
});

test("the page's address with its token is printed, kept for its user alone, and nowhere else", async () => {
  const up = startUp(await folder(), { env: { RUNNER_RELAY_LOG_LEVEL: "trace" } });
  const { relay, page = "" } = await up.ready();
  const token = new URL(page).searchParams.get("token") ?? "";
  expect(up.output.stdout).toContain(page);
  expect((await fetch(page, { redirect: "manual" })).status).toBe(303);
  expect((await fetch(`${relay}/status`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(
    200,
  );
  expect((await fetch(`${relay}/status`)).status).toBe(401);
  for (const file of [up.readyFile, join(up.dataDir, "running.json"), join(up.dataDir, "page-token")])
    expect(statSync(file).mode & 0o777, file).toBe(0o600);
  const again = await runCli(["page", "--data", up.dataDir]);
  expect(again.stdout).toBe(`${page}\n`);
  for (const name of ["executor", "look", "check"]) {
    const printed = new RegExp(`^  ${name} +(.*?)(?:, or .*)?$`, "m").exec(up.output.stdout)?.[1] ?? "";
    expect((await asTyped(printed.replace("COMMAND", "true"))).code, printed).toBe(0);
  }
  for (const pid of [up.process.pid ?? 0, ...up.processes()]) {
    expect(commandOf(pid), "ps shows it").not.toContain(token);
    expect(readFileSync(`/proc/${pid}/environ`, "utf8")).not.toContain(token);
  }
  await expect.poll(() => up.output.stderr).toContain(join(up.dataDir, "page-token"));
  expect(up.output.stderr).not.toContain(token);
  await up.stop();
  const gone = await runCli(["page", "--data", up.dataDir]);
  expect(gone.stderr).toMatch(/^nothing_found: no console is running in /);
});

test("a token that was chosen is the page's; a weak one is refused by its name", async () => {
  const where = await folder();
  const weak = startUp(where, { env: { RUNNER_RELAY_PAGE_TOKEN: "short" } });
  const [code] = (await once(weak.process, "close")) as [number];
  expect(code).toBe(78);
  expect(weak.output.stderr).toMatch(/^config_invalid: RUNNER_RELAY_PAGE_TOKEN must have at least 16/m);
  const file = join(where, "chosen");
  writeFileSync(file, "a-token-that-i-chose\n");
  const up = startUp(where, { env: { RUNNER_RELAY_PAGE_TOKEN_FILE: file } });
  const { page } = await up.ready();
  expect(new URL(page ?? "").searchParams.get("token")).toBe("a-token-that-i-chose");
  expect((await fetch(page ?? "", { redirect: "manual" })).status).toBe(303);
  expect((await runCli(["page", "--data", up.dataDir])).stdout).toBe(`${page}\n`);
  expect(up.output.stderr).not.toContain("a-token-that-i-chose");
  await up.stop();
});

test("a data folder that others could exchange is refused; in one that they may read, nothing is to be read", async () => {
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

test("a second up on the same folder is refused, the first goes on", async () => {
  const where = await folder();
  const up = startUp(where);
  const { gateway } = await up.ready();
  const second = await runCli(["up", "--data", up.dataDir]);
  expect(second.code).toBe(1);
  expect(second.stderr).toMatch(
    /^data_locked: runner-relay already runs with the data folder .*; stop it, or choose another folder with --data /m,
  );
  expect(await health(gateway)).toBe(200);
  expect((await up.stop()).code).toBe(0);
});

test("gateway, stand-in and broker keep their addresses over a restart; what waits is told and delivered then", async () => {
  const where = await folder();
  const first = startUp(where);
  const before = await first.ready();
  process.kill(pidOf(first, "standin"), "SIGSTOP"); // an outage
  const accepted = await post(before.gateway, "s1", 1, { prefer: "respond-async" });
  expect(accepted.status).toBe(202);
  expect((await first.stop()).code).toBe(0);
  expect(first.output.stdout).toMatch(/1 event is pending in .*data and will be delivered at the next start/);

  const second = startUp(where);
  const after = await second.ready();
  const port = { relay: "", page: "", pid: 0 };
  expect({ ...after, ...port }).toEqual({ ...before, ...port });
  expect(new URL(after.page ?? "").search, "an address that was kept lets in").toBe(
    new URL(before.page ?? "").search,
  );
  await expect
    .poll(async () => (await runCli(["status", "--json", "--data", second.dataDir])).stdout)
    .toContain('"events": 0');
  expect((await second.stop()).code).toBe(0);
});

test("a free port is chosen once: with --port 0 killed processes come back on the ports that they had", async () => {
  const up = startUp(await folder(), { args: ["--port", "0"] });
  const before = await up.ready();
  for (const name of ["gateway", "relay"] as const) {
    const pid = pidOf(up, name);
    process.kill(pid, "SIGKILL");
    const health = name === "gateway" ? `${before.gateway}/_relay/health` : `${before.relay}/health`;
    await expect.poll(async () => (await fetch(health).catch(() => undefined))?.status).toBe(200);
    await expect.poll(() => pidOf(up, name)).not.toBe(pid);
  }
  expect(await up.ready()).toEqual(before);
  expect((await up.stop()).code).toBe(0);
});

test("a relay whose port another program took meanwhile comes back on another, which is told", async () => {
  const up = startUp(await folder());
  const before = await up.ready();
  const port = Number(new URL(before.relay).port);
  process.kill(pidOf(up, "relay"), "SIGKILL");
  const other = createServer();
  onTestFinished(() => void other.close());
  await expect
    .poll(() => {
      if (!other.listening) other.listen(port, "127.0.0.1").once("error", () => undefined); // the dead one may still have it
      return other.listening;
    })
    .toBe(true);
  await expect.poll(async () => (await up.ready()).relay).not.toBe(before.relay);
  const { gateway } = await up.ready();
  await expect
    .poll(() =>
      post(gateway, "s1", 1).then(
        (it) => it.status,
        () => 0,
      ),
    )
    .toBe(201);
  expect((await up.stop()).code).toBe(0);
});

test("a killed console is back on its port, and nothing else notices", async () => {
  const up = startUp(await folder());
  const before = await up.ready();
  await expect.poll(() => pidOf(up, "console")).toBeGreaterThan(0);
  const [page, relay] = [pidOf(up, "console"), pidOf(up, "relay")];
  process.kill(page, "SIGKILL");
  const health = new URL("/health", before.page ?? "");
  await expect.poll(async () => (await fetch(health).catch(() => undefined))?.status).toBe(200);
  expect(pidOf(up, "console")).not.toBe(page);
  expect(pidOf(up, "relay")).toBe(relay);
  expect(await up.ready()).toEqual(before);
  expect((await up.stop()).code).toBe(0);
});

test("a console that cannot start is said loudly, and everything else runs", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  onTestFinished(() => void other.close());
  const { port } = other.address() as AddressInfo;
  const up = startUp(await folder(), { args: ["--console-port", String(port)] });
  const { gateway, page } = await up.ready();
  expect(page).toBeUndefined();
  expect(up.output.stdout).toMatch(/^ {2}console {6}is not running/m);
  expect(up.output.stderr).toMatch(/"code":"port_taken".*the console cannot be started/);
  expect((await post(gateway, "s1", 1)).ok).toBe(true);
  expect((await up.stop()).code).toBe(0);
});

test("with the status page off no console runs", async () => {
  const up = startUp(await folder(), { env: { RUNNER_RELAY_STATUS_PAGE: "off" } });
  expect((await up.ready()).page).toBeUndefined();
  expect(up.output.stdout).not.toMatch(/^ {2}console/m);
  expect(() => pidOf(up, "console")).toThrow("no console runs");
  expect((await up.stop()).code).toBe(0);
});

test("a killed gateway is back on its port, a killed broker too", async () => {
  const up = startUp(await folder());
  const { gateway } = await up.ready();
  process.kill(pidOf(up, "gateway"), "SIGKILL");
  await expect.poll(() => health(gateway).catch(() => 0)).toBe(200);
  process.kill(brokerOf(up), "SIGKILL");
  await expect
    .poll(() =>
      post(gateway, "s2", 1).then(
        (it) => it.status,
        () => 0,
      ),
    )
    .toBe(201);
  expect((await up.stop()).code).toBe(0);
});

test("kill -9 of up leaves no process", async () => {
  const up = startUp(await folder());
  await up.ready();
  expect(up.processes().length).toBeGreaterThanOrEqual(4);
  up.process.kill("SIGKILL");
  await expect.poll(() => up.processes()).toEqual([]);
});

test("Ctrl-C drains as SIGTERM does, although the terminal sends it to the broker as well", async () => {
  const up = startUp(await folder());
  const { gateway } = await up.ready();
  expect((await post(gateway, "s1", 1)).ok).toBe(true);
  process.kill(brokerOf(up), "SIGINT");
  const { code } = await up.stop("SIGINT");
  expect({ code, stderr: code === 0 ? "" : up.output.stderr }).toEqual({ code: 0, stderr: "" });
  expect(up.processes()).toEqual([]);
});

test("our own children lead process groups of their own, so that Ctrl-C reaches up alone", async () => {
  const up = startUp(await folder());
  await up.ready();
  const own = groupOf(up.process.pid ?? 0);
  for (const part of ["gateway", "relay", "console", "standin"])
    expect(groupOf(pidOf(up, part))).not.toBe(own);
  await up.stop();
});

test("a stop does not wait for a broker that is not ready and heeds no TERM: after its crash, or at the start of `up`", async () => {
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
  expect(up.output.stderr, "nobody's grace was over").not.toContain("child does not stop, killing it");
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

test("CRED-1: the gateway's process has no credential of the coordinator, and the stand-in gets none", async () => {
  const secrets = {
    RUNNER_RELAY_API_KEY: "top-secret-key",
    OTHER_TOKEN_FILE: "/run/top-secret",
  };
  const environ = (up: Up, part: string): string => readFileSync(`/proc/${pidOf(up, part)}/environ`, "utf8");
  const where = await folder();
  const up = startUp(where, { env: secrets, args: ["--coordinator", "http://127.0.0.1:1"] });
  await up.ready();
  expect(environ(up, "gateway")).not.toContain("top-secret");
  expect(environ(up, "relay")).toContain("top-secret-key");
  expect(environ(up, "relay")).not.toContain("/run/top-secret");
  expect(environ(up, "gateway"), "it is told later").not.toContain("NATS_");
  expect(environ(up, "relay")).toContain("NATS_USER=relay");
  expect(environ(up, "console")).not.toContain("top-secret");
  expect(environ(up, "console")).toContain("NATS_USER=console");
  await up.stop();
  const alone = startUp(await folder(), {
    env: { ...secrets, AUTH0_DOMAIN: "top-secret.example", AUTH0_RUNNER_CLIENT_SECRET: "top-secret" },
  });
  const { gateway } = await alone.ready();
  for (const part of ["gateway", "standin", "relay", "console"]) {
    expect(environ(alone, part), part).not.toContain("top-secret");
    expect(commandOf(pidOf(alone, part)), part).not.toContain(alone.dataDir);
  }
  expect((await post(gateway, "s1", 1)).ok).toBe(true);
  await alone.stop();
});

test("the stand-in shows nothing and takes nothing without its key, which its relay has", async () => {
  const where = await folder();
  const up = startUp(where, {
    env: { RUNNER_RELAY_COORDINATOR_RECORD: "true", RUNNER_RELAY_COORDINATOR_FAULTS: "true" },
  });
  const { coordinator, gateway } = await up.ready();
  await expect.poll(async () => (await post(gateway, "s1", 1)).status).toBe(201);
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
    expect((await fetch(coordinator + path)).status, path).toBe(401);
    const guessed = await fetch(coordinator + path, { headers: { authorization: `Bearer ${key}x` } });
    expect(guessed.status, path).toBe(403);
  }
  expect((await post(`${coordinator}/sessions/s1`, "s1", 2)).status).toBe(401);
  const faults = { method: "POST", body: '{"rules":[]}' };
  expect((await fetch(`${coordinator}/_faults`, faults)).status).toBe(401);
  const headers = { authorization: `Bearer ${key}` };
  expect((await fetch(`${coordinator}/sessions`, { headers })).status).toBe(200);
  expect((await fetch(`${gateway}/sessions`)).status, "through the gateway, as an executor").toBe(200);
  expect((await runCli(["doctor", "--data", up.dataDir])).code).toBe(0);
  expect(up.output.stdout + up.output.stderr).not.toContain(key);
  await up.stop();
  const set = startUp(where, { env: { RUNNER_RELAY_COORDINATOR_TOKEN: "the-one-that-i-set" } });
  const again = await set.ready();
  await expect.poll(async () => (await post(again.gateway, "s1", 3)).status).toBe(201);
  const chosen = { authorization: "Bearer the-one-that-i-set" };
  expect((await fetch(`${again.coordinator}/sessions`, { headers: chosen })).status).toBe(200);
  expect((await fetch(`${again.coordinator}/sessions`, { headers })).status).toBe(403);
  await set.stop();
});

test("CRED-1: exec gives its command the gateway and no secret, and its exit code back", async () => {
  const up = startUp(await folder());
  const { gateway } = await up.ready();
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
  expect(seen).toMatchObject({ AGENT_ORCHESTRATOR_API_URL: gateway, MINE: "stays" });
  for (const name of ["NATS_URL", "RUNNER_RELAY_API_KEY", "X_FILE", "AUTH0_DOMAIN"])
    expect(seen).not.toHaveProperty(name);
  await up.stop();
});

test("exec without a gateway says so", async () => {
  const done = await runCli(["exec", "--data", await folder(), "--", "true"]);
  expect(done.code).toBe(1);
  expect(done.stderr).toMatch(/^nothing_found: no gateway is running in/);
});

test("a command where nothing runs says what it looked for", async () => {
  const where = await folder();
  const done = await runCli(["status", "--data", where]);
  expect(done.code).toBe(1);
  const said = `log_unreachable: \`runner-relay up\` is not running with data folder ${where} (--data), and NATS_URL is not set; nats://127.0.0.1:4222: `;
  if (!done.stderr.startsWith("broker_refused")) expect(done.stderr).toContain(said); // somebody else's broker may listen there
});

test("another coordinator on a log with events stops everything with the reason", async () => {
  const where = await folder();
  const first = startUp(where);
  const { gateway } = await first.ready();
  expect((await post(gateway, "s1", 1)).ok).toBe(true);
  await first.stop();
  const other = createServer((_, response) => response.end("{}")).listen(0, "127.0.0.1");
  onTestFinished(() => void other.close());
  await once(other, "listening");
  const address = other.address();
  const port = typeof address === "object" ? address?.port : 0;
  const second = startUp(where, { args: ["--coordinator", `http://127.0.0.1:${port}`] });
  const [code] = (await once(second.process, "close")) as [number];
  expect(code, "what a service manager must not start again").toBe(78);
  expect(second.output.stderr).toMatch(/coordinator_changed/);
  expect(second.output.stderr).toMatch(/^coordinator_changed: /m);
  expect(second.processes()).toEqual([]);
});
