import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { Agent } from "node:http";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { UNDER_UP } from "../../../src/shared/base/parent.ts";
import { natsServerPath, startTestBroker, type TestBroker } from "../../support/broker.ts";
import { provisioned } from "../../support/relay.ts";
import { call, readLog, startScriptedRelay } from "./harness.ts";
import { eventually } from "../../support/eventually.ts";
import { bareEnv } from "../../support/bare-env.ts";
import { mainOf } from "../../support/bundle/main-of.ts";

const MAIN = mainOf("gateway");

let broker: TestBroker;
let data: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  broker = await provisioned(await startTestBroker());
  data = await mkdtemp(join(tmpdir(), "rr-gateway-"));
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});

afterAll(async () => {
  await broker?.[Symbol.asyncDispose]();
  await rm(data, { recursive: true, force: true });
});

type Process = {
  child: ChildProcess;
  url: Promise<string>;
  stderr: () => string;
  exit: Promise<number | null>;
};

/** How it reaches the broker. */
function brokerVariables(): Record<string, string> {
  const { user = "", password = "" } = broker.access("gateway", "gw1");
  return {
    NATS_URL: broker.url,
    NATS_USER: user,
    NATS_PASSWORD: password,
    RUNNER_RELAY_BROKER_CONFIG: broker.configFile,
  };
}

/** `underUp`: as `up` starts it, which tells it later where the broker is. */
function start(env: Record<string, string> = {}, underUp = false): Process {
  const child = spawn(process.execPath, underUp ? [MAIN, UNDER_UP] : [MAIN], {
    stdio: ["ignore", "pipe", "pipe", ...(underUp ? (["ipc"] as const) : [])],
    env: {
      ...bareEnv(),
      RUNNER_RELAY_DATA: data,
      ...(underUp ? {} : brokerVariables()),
      ...env,
    },
  });
  children.push(child);
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const exit = once(child, "exit").then(([code]) => code as number | null);
  const url = new Promise<string>((resolve, reject) => {
    const lines = createInterface({ input: child.stdout ?? process.stdin });
    lines.once("line", (line) => resolve((JSON.parse(line) as { url: string }).url));
    exit.then((code) => reject(new Error(`ended with ${code}: ${stderr}`)), reject);
  });
  url.catch(() => undefined); // some tests look at the exit only
  return { child, url, stderr: () => stderr, exit };
}

test("prints its URL, is durable as the broker's configuration says, keeps its port over kill -9, drains on SIGTERM", async () => {
  const first = start();
  const url = await first.url;
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const reply = await call(url, "POST", "/events", { session_id: "s-process" });
  expect(reply).toMatchObject({ status: 202, json: { durability: "fsync" } });
  first.child.kill("SIGKILL");
  await first.exit;

  const second = start();
  expect(await second.url).toBe(url);
  const other = await call(url, "POST", "/events", { session_id: "s-process" });
  const epochs = [reply, other].map(({ json }) => String(json["session_seq"]).split("-")[0]);
  expect(epochs[0], "no epoch is used by two processes").not.toBe(epochs[1]);
  second.child.kill("SIGTERM");
  expect(await second.exit).toBe(0);
});

test("under up it takes its port before it knows the broker; early requests wait and are served afterwards", async () => {
  const before = start();
  const url = await before.url;
  before.child.kill("SIGTERM");
  await before.exit;
  const gateway = start({}, true);
  const early = await eventually(async () => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    await once(socket, "connect");
    return socket;
  }, 5);
  early.write("GET /_relay/health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
  const stored = call(url, "POST", "/events", { session_id: "s-early" });
  gateway.child.send(brokerVariables());
  expect((await stored).json).toMatchObject({ status: "accepted", durability: "fsync" });
  expect(((await once(early, "data")) as [Buffer])[0].toString()).toContain("200 OK");
  early.destroy();
  expect(await gateway.url).toBe(url);
  gateway.child.kill("SIGTERM");
  expect(await gateway.exit).toBe(0);
});

test("under up, it ends with broker_refused if the broker refuses its login", async () => {
  const gateway = start({}, true);
  gateway.child.send({ ...brokerVariables(), NATS_PASSWORD: "wrong" });
  expect(await gateway.exit).toBe(78);
  expect(gateway.stderr()).toContain('"code":"broker_refused"');
  expect(gateway.stderr()).not.toContain("wrong");
});

test("under up, it ends if its supervisor dies before it knows the broker", async () => {
  const gateway = start({}, true);
  gateway.child.disconnect();
  await gateway.exit;
});

test("SIGTERM: a request that waits for the coordinator's answer gets its 202 at once, however long its wait", async () => {
  await using relay = await startScriptedRelay(broker);
  relay.tell();
  const gateway = start();
  const url = await gateway.url;
  await expect
    .poll(async () => (await call(url, "GET", "/_relay/ready")).json)
    .toMatchObject({ dependencies: { coordinator: { state: "up" } } });
  const waiting = call(url, "POST", "/events", { session_id: "s-drain" }, { prefer: "wait=20" });
  await expect
    .poll(async () => (await call(url, "GET", "/_relay/metrics")).text)
    .toContain("waiting_requests 1");
  const agent = new Agent({ keepAlive: true }); // its connection stays open until the gateway ends it
  const kept = call(url, "POST", "/events", { session_id: "s-drain" }, { prefer: "wait=20" }, agent);
  await expect
    .poll(async () => (await call(url, "GET", "/_relay/metrics")).text)
    .toContain("waiting_requests 2");
  gateway.child.kill("SIGTERM");
  const reply = await waiting;
  expect(reply.status).toBe(202);
  expect((await kept).status).toBe(202);
  expect(await gateway.exit).toBe(0);
  const events = await readLog(broker);
  expect(events.some(({ envelope }) => envelope.id === reply.json["event_id"])).toBe(true);
});

test("a kept port that is taken is a loud failure, never silently another", async () => {
  const first = start({ RUNNER_RELAY_GATEWAY: "gw1" });
  const url = await first.url;
  const second = start();
  expect(await second.exit).toBe(78);
  expect(second.stderr()).toContain('"code":"port_taken"');
  expect(second.stderr()).toContain(new URL(url).port);
  const blocker = createServer().listen(0, "127.0.0.1");
  await once(blocker, "listening");
  const third = start({ RUNNER_RELAY_PORT: String((blocker.address() as AddressInfo).port) });
  expect(await third.exit).toBe(78);
  expect(third.stderr()).toContain('"code":"port_taken"');
  blocker.close();
});

test("HONEST-1: without knowledge of the broker it says unverified, and refuses to start where that is required", async () => {
  const unknown = start({ RUNNER_RELAY_BROKER_CONFIG: "" });
  const reply = await call(await unknown.url, "POST", "/events", { session_id: "s-honest" });
  expect(reply.json).toMatchObject({ durability: "unverified" });
  unknown.child.kill("SIGTERM");
  await unknown.exit;

  const lazy = join(data, "lazy.conf");
  await writeFile(lazy, "jetstream { sync_interval: 2m }");
  const strict = start({ RUNNER_RELAY_BROKER_CONFIG: lazy, RUNNER_RELAY_REQUIRE_DURABLE: "true" });
  expect(await strict.exit).toBe(78);
  expect(strict.stderr()).toContain('"code":"not_durable"');
});

/** A nats-server with a monitoring page, as somebody else would run it. Resolves to the page's URL. */
async function startMonitored(sync: string): Promise<string> {
  const dir = await mkdtemp(join(data, "monitored-"));
  const config = `host: "127.0.0.1"\nport: -1\nhttp: "127.0.0.1:-1"\nports_file_dir: "${dir}"\njetstream { store_dir: "${dir}/js", ${sync} }\n`;
  await writeFile(join(dir, "nats.conf"), config);
  const child = spawn(await natsServerPath(), ["-c", join(dir, "nats.conf")], { stdio: "ignore" });
  children.push(child);
  return eventually(async () => {
    const ports = await readFile(join(dir, `nats-server_${child.pid}.ports`), "utf8");
    return (JSON.parse(ports) as { monitoring: [string] }).monitoring[0];
  });
}

test("HONEST-1: the broker's monitoring page is asked where there is one", async () => {
  const env = { RUNNER_RELAY_BROKER_CONFIG: "", RUNNER_RELAY_REQUIRE_DURABLE: "true" };
  const known = start({ ...env, RUNNER_RELAY_BROKER_MONITOR: await startMonitored("sync_interval: always") });
  expect((await call(await known.url, "GET", "/_relay/ready")).json).toMatchObject({ durability: "fsync" });
  known.child.kill("SIGTERM");
  await known.exit;
  const lazy = start({ ...env, RUNNER_RELAY_BROKER_MONITOR: await startMonitored("") });
  expect(await lazy.exit).toBe(78);
  const away = start({ ...env, RUNNER_RELAY_BROKER_MONITOR: "http://127.0.0.1:1" });
  expect(await away.exit).toBe(78);
});

test("a configuration that cannot be is a clear refusal; secrets are in no line of its log", async () => {
  const wrong = start({ RUNNER_RELAY_PORT: "x", RUNNER_RELAY_ANSWER_WAITT: "1s" });
  expect(await wrong.exit).toBe(78);
  expect(wrong.stderr()).toContain("RUNNER_RELAY_PORT");
  expect(wrong.stderr()).toContain("did you mean RUNNER_RELAY_ANSWER_WAIT?");
  const open = start({ RUNNER_RELAY_LISTEN: "0.0.0.0" });
  expect(await open.exit).toBe(78);
  expect(open.stderr()).toContain('"code":"listen_refused"');
  const { password } = broker.access("gateway", "gw1");
  expect(password).toBeDefined();
  expect(open.stderr()).not.toContain(password);
});
