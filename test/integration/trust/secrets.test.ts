import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { startCoordinator, type TestCoordinator } from "../../support/coordinator.ts";
import { startIssuer } from "../../support/issuer.ts";
import { dataFolder, runCli, startUp, type Up } from "../../support/up.ts";
import { call } from "../gateway/harness.ts";
import { startDemanding } from "./demanding.ts";
import {
  placeOfText,
  placesOfFolder,
  placesOfProcess,
  scan,
  variableOf,
  type Needle,
  type Place,
} from "./scanner.ts";
import { eventually } from "../../support/eventually.ts";
import { mainOf } from "../../support/bundle/main-of.ts";

const CLIENT_SECRET = "planted+client/secret %&=7f3a";
const API_KEY = "planted-api-key-51c0";
/** Not secret: the scanner must find it wherever a secret could be, or its silence means nothing. */
const DECOY = "planted-decoy-9b1e";
/** Files that hold the broker's passwords: the folder is 0700, they are 0600. */
const PASSWORD_FILES = ["broker/kept.json", "broker/users.conf"];

/** Processes that have the password of their own user in their environment. */
const OWN_PASSWORD = ["relay", "console", "sessions", "worker"];

/** The part of a process of ours, from its command line. */
function partOf(pid: number): string {
  const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
  if (command.includes("nats-server.conf")) return "broker";
  return command.includes("\0exec\0") ? "exec" : (/(\w+)\/main\.[jt]s/.exec(command)?.[1] ?? "other");
}

function processes(up: Up): { pid: number; name: string }[] {
  return up.processes().map((pid) => ({ pid, name: pid === up.process.pid ? "up" : partOf(pid) }));
}

/** Runs an executor by `exec` in a shell that knows the secrets; it stays, so that its environment can be read from outside. */
async function startExecutor(
  up: Up,
  env: Record<string, string>,
): Promise<{ pid: number; output: string; [Symbol.asyncDispose](): Promise<void> }> {
  const script = "console.log(process.pid, JSON.stringify(process.env)); process.stdin.resume()";
  const main = mainOf("cli");
  const args = [main, "exec", "--data", up.dataDir, "--", process.execPath, "-e", script];
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(process.execPath, args, { env: { PATH, HOME, ...env, MINE: DECOY }, stdio: "pipe" });
  let output = "";
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return {
    pid: Number(line.split(" ")[0]),
    output: output + line,
    async [Symbol.asyncDispose]() {
      const gone = once(child, "exit");
      child.kill("SIGTERM"); // it hands it on
      await gone;
    },
  };
}

async function post(gateway: string, event: object): Promise<string> {
  const body = {
    session_id: `ses-${DECOY}`,
    event_type: "message",
    timestamp: "2026-01-01T00:00:00Z",
    ...event,
  };
  return (await call(gateway, "POST", "/events", body)).text;
}

/** The numbers that events in trouble carry. */
function delivered(coordinator: TestCoordinator): unknown[] {
  const applied = coordinator.writes().filter((entry) => entry.applied);
  return applied.map(({ body = "" }) => (JSON.parse(body) as { n?: number }).n);
}

function pageTokenOf(page: string | undefined): string {
  return new URL(page ?? "").searchParams.get("token") ?? "";
}

/** Everything that can be read or seen of a running `up`, but the environments of those who must know. */
async function placesOf(up: Up, mayKnow: readonly string[], env: Record<string, string>): Promise<Place[]> {
  const info = await up.ready();
  const headers = { authorization: `Bearer ${pageTokenOf(info.page)}` };
  await using executor = await startExecutor(up, env);
  const shown = await Promise.all([
    ...["/status", "/metrics", "/ready"].map(async (path) =>
      placeOfText(`relay ${path}`, await (await fetch(info.relay + path, { headers })).text()),
    ),
    ...["/", "/dead", "/letter?seq=1", "/status.json"].map(async (path) =>
      placeOfText(`console ${path}`, await (await fetch(new URL(path, info.page), { headers })).text()),
    ),
    ...["ready", "metrics", "health", "openapi.json"].map(async (path) =>
      placeOfText(`gateway ${path}`, (await call(info.gateway, "GET", `/_relay/${path}`)).text),
    ),
    ...[["status"], ["status", "--json"], ["dead", "ls"], ["config"]].map(async (args) => {
      const { stdout, stderr } = await runCli(
        [...args, "--data", up.dataDir].slice(0, args[0] === "config" ? 1 : undefined),
        { env },
      );
      return placeOfText(`output of ${args.join(" ")}`, stdout + stderr);
    }),
  ]);
  return [
    ...processes(up)
      .filter(({ name }) => !mayKnow.includes(name))
      .flatMap(({ pid, name }) => placesOfProcess(pid, name)),
    ...placesOfProcess(executor.pid, "executor"),
    placeOfText("executor's own view", executor.output),
    placeOfText("stdout", up.output.stdout),
    placeOfText("logs", up.output.stderr),
    ...placesOfFolder(up.dataDir),
    ...shown,
  ];
}

/** The scanner sees what is there: in the executor's environment, in the logs, in the stored stream and in the dead letters. */
function expectDecoyFound(places: readonly Place[]): void {
  const found = scan(places, [{ name: "decoy", value: DECOY }]);
  for (const place of [
    "environ of executor",
    "executor's own view",
    "logs",
    expect.stringMatching(/RR_EVENTS\/msgs\/\d+\.blk$/),
    expect.stringMatching(/RR_DEAD\/msgs\/\d+\.blk$/),
    "output of dead ls",
    "console /dead",
    "console /letter?seq=1",
  ])
    expect(found.map((finding) => finding.slice("decoy in ".length))).toContainEqual(place);
}

/** The page's token lies in its own file and in the one that tells where everything is, is printed once, and is nowhere else. */
async function expectPageTokenKept(up: Up, places: readonly Place[]): Promise<void> {
  const token = { name: "page token", value: pageTokenOf((await up.ready()).page) };
  expect(token.value.length).toBeGreaterThan(40);
  const found = ["page-token", "running.json", "stdout"];
  expect([...new Set(scan(places, [token]))].toSorted()).toEqual(found.map((it) => `page token in ${it}`));
}

/** Each user of the broker has a password of its own, and only its own process knows it. */
async function expectPasswordsKept(up: Up, places: readonly Place[]): Promise<void> {
  const users = readFileSync(join(up.dataDir, "broker/kept.json"), "utf8");
  const passwords = [...users.matchAll(/"([\w-]+)":"([\w-]{20,})"/g)].map(([, name = "", value = ""]) => ({
    name,
    value,
  }));
  expect(passwords.length).toBeGreaterThanOrEqual(6);
  for (const file of PASSWORD_FILES) expect(statSync(join(up.dataDir, file)).mode & 0o777).toBe(0o600);
  const elsewhere = places.filter(({ name }) => !PASSWORD_FILES.includes(name));
  expect(scan(elsewhere, passwords)).toEqual([]);
  for (const own of OWN_PASSWORD) {
    const pid = processes(up).find(({ name }) => name === own)?.pid ?? 0;
    const user = own === "sessions" ? "serve" : own;
    expect(scan(placesOfProcess(pid, own), passwords)).toEqual([`${user} in environ of ${own}`]);
    expect(passwords).toContainEqual({ name: user, value: variableOf(pid, "NATS_PASSWORD") });
  }
  const gateway = processes(up).find(({ name }) => name === "gateway");
  if (gateway === undefined) throw new Error("a gateway runs");
  // `up` tells the gateway its own later, over a channel: its environment shows none
  expect(scan(placesOfProcess(gateway.pid, "gateway"), passwords)).toEqual([]);
}

it.concurrent("CRED-1: a client secret from a file, tokens and broker passwords are nowhere but where they must be, after a bad day", async () => {
  await using folder = await dataFolder();
  await using issuer = await startIssuer({ secret: CLIENT_SECRET, ttl: 2 });
  await using coordinator = await startCoordinator({ autoCreateSessions: true });
  await using front = await startDemanding(coordinator.url, {
    issuer: issuer.url,
    audience: "urn:test:coordinator",
  });
  const secretFile = join(folder.path, "client-secret");
  await writeFile(secretFile, CLIENT_SECRET);
  const env = {
    RUNNER_RELAY_OIDC_ISSUER: issuer.url,
    RUNNER_RELAY_OIDC_CLIENT_ID: issuer.clientId,
    RUNNER_RELAY_OIDC_CLIENT_SECRET_FILE: secretFile,
    RUNNER_RELAY_OIDC_AUDIENCE: "urn:test:coordinator",
    RUNNER_RELAY_OIDC_ALLOW_INSECURE_HTTP: "true",
  };
  const up = startUp(folder.path, {
    args: ["--coordinator", front.url, "--log-level", "trace"],
    env,
    also: ["sessions", "console"],
  });
  const { gateway } = await up.ready();
  await eventually(async () => expect(await post(gateway, {})).toBe('{"ok":true}'));
  expect(await post(gateway, { error: { code: 1 } })).toContain("valid string"); // a dead letter

  // the coordinator refuses, then the issuer does, and quotes what it was sent
  front.refuse(401);
  await post(gateway, { n: 1 });
  await eventually(() => expect(up.output.stderr).toContain("the coordinator refused the token"));
  const quoted = JSON.stringify({
    error: "invalid_client",
    error_description: `no client with ${CLIENT_SECRET}`,
  });
  issuer.fault({ kind: "answer", status: 401, body: quoted }, "token");
  await eventually(() => expect(up.output.stderr).toContain("credentials_invalid"));
  await eventually(async () => {
    const { stdout } = await runCli(["status", "--data", up.dataDir]);
    expect(stdout).toMatch(/paused for .* \((unauthorized|token_unavailable)\)/);
  });
  const badDay = await placesOf(up, [], env);
  issuer.fault(undefined);
  front.refuse(undefined);
  await eventually(() => expect(delivered(coordinator)).toContain(1));

  const places = [...badDay, ...(await placesOf(up, [], env))];
  const tokens = [
    ...new Set(front.seen.map(({ authorization = "" }) => authorization.slice("Bearer ".length))),
  ];
  expect(tokens.length).toBeGreaterThan(1);
  const needles: Needle[] = [
    { name: "client secret", value: CLIENT_SECRET },
    ...tokens.map((value, i) => ({ name: `token ${i}`, value })),
  ];
  expectDecoyFound(places);
  expect(scan([placeOfText("a log line", `x ${encodeURIComponent(CLIENT_SECRET)} y`)], needles)).toHaveLength(
    1,
  );
  expect(scan(places, needles)).toEqual([]);
  await expectPageTokenKept(up, places);
  await expectPasswordsKept(
    up,
    places.filter(({ name }) => !OWN_PASSWORD.some((own) => name === `environ of ${own}`)),
  );
  expect(await up.stop()).toMatchObject({ code: 0 });
  expect(scan([placeOfText("last log lines", up.output.stderr + up.output.stdout)], needles)).toEqual([]);
});

it.concurrent("CRED-1: a static key from the environment reaches the relay alone, also when the coordinator quotes it", async () => {
  await using folder = await dataFolder();
  await using coordinator = await startCoordinator({ autoCreateSessions: true, token: API_KEY });
  coordinator.faults.set([
    { body: "quote me", action: { kind: "status", status: 422, body: { detail: `key ${API_KEY} may not` } } },
  ]);
  const env = { RUNNER_RELAY_API_KEY: API_KEY };
  const up = startUp(folder.path, {
    args: ["--coordinator", coordinator.url, "--log-level", "trace"],
    env,
    also: ["sessions", "console"],
  });
  const { gateway } = await up.ready();
  await eventually(async () => expect(await post(gateway, {})).toBe('{"ok":true}'));
  const answers = [await post(gateway, { error: { code: 1 } }), await post(gateway, { content: "quote me" })];
  expect(answers[1]).toContain("may not");
  coordinator.faults.set([
    { action: { kind: "status", status: 403, body: { detail: `not with ${API_KEY}` } } },
  ]);
  answers.push(await post(gateway, { n: 1 }));
  await eventually(async () => {
    const { stdout } = await runCli(["status", "--data", up.dataDir]);
    expect(stdout).toMatch(/paused for .* \(unauthorized\)/);
  });
  // `up` and `exec` have it from the shell that started them; the broker inherits it from `up`, which is to end
  const places = [
    ...(await placesOf(up, ["up", "exec", "relay"], env)),
    ...answers.map((text, i) => placeOfText(`answer ${i}`, text)),
  ];
  expectDecoyFound(places);
  const needles = [{ name: "api key", value: API_KEY }];
  const relay = processes(up).find(({ name }) => name === "relay");
  expect(scan(placesOfProcess(relay?.pid ?? 0, "relay"), needles)).toEqual(["api key in environ of relay"]);
  expect(scan(places, needles)).toEqual([]);
  coordinator.faults.clear();
  await eventually(() => expect(delivered(coordinator)).toContain(1));
  expect(await up.stop()).toMatchObject({ code: 0 });
  expect(scan([placeOfText("last log lines", up.output.stderr + up.output.stdout)], needles)).toEqual([]);
});
