import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { bareEnv } from "../../support/bare-env.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { mainOf } from "../../support/bundle/main-of.ts";
import { SESSIONS_KEY } from "../../support/serve.ts";
import { openSse } from "../../support/sse-reader.ts";
import { sessionsBroker } from "../session-log/harness.ts";

let dir: string;
let broker: TestBroker;
const children: ChildProcess[] = [];
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "rr-serve-"));
  broker = await sessionsBroker();
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
  rmSync(dir, { recursive: true, force: true });
});

type Ended = { code: number | null; stderr: string };
type Process = { child: ChildProcess; url: Promise<string>; ended: Promise<Ended> };

const KEY = { RUNNER_RELAY_SESSIONS_API_KEY: SESSIONS_KEY };

/** The process of `serve`. */
function run(env: Record<string, string>, at: Pick<TestBroker, "access"> = broker): Process {
  const { servers, user = "", password = "" } = at.access("serve");
  const child = spawn(process.execPath, [mainOf("sessions")], {
    env: {
      ...bareEnv(),
      RUNNER_RELAY_DATA: dir,
      RUNNER_RELAY_SESSIONS_PORT: "0",
      NATS_URL: servers.join(","),
      NATS_USER: user,
      NATS_PASSWORD: password,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, stderr }));
  const url = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", (line) =>
      resolve((JSON.parse(line) as { url: string }).url),
    );
    void ended.then(() => reject(new Error(`ended before it was ready: ${stderr}`)));
  });
  url.catch(() => undefined); // some tests look at the end only
  return { child, url, ended };
}

test("serve says where it is, and on SIGTERM tells its watchers, and ends with 0", async () => {
  const serve = run(KEY);
  const url = await serve.url;
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const headers = { authorization: `Bearer ${SESSIONS_KEY}`, "content-type": "application/json" };
  const body = JSON.stringify({ session_id: "chat", prompt: "hello-from-the-test" });
  expect((await fetch(`${url}/sessions`, { method: "POST", headers, body })).status).toBe(201);
  expect((await fetch(`${url}/sessions`)).status).toBe(401);
  const stream = await openSse(`${url}/sessions/chat/events`, { authorization: headers.authorization });
  await stream.until(({ type }) => type === "caught_up");
  serve.child.kill("SIGTERM");
  const said = await stream.until(({ type }) => type === "closed");
  expect(said.at(-1)?.data).toMatchObject({ reason: "stopping" });
  const { code, stderr } = await serve.ended;
  expect(code).toBe(0);
  expect(stderr).not.toContain("hello-from-the-test"); // bodies are in no log
  expect(stderr).not.toContain(SESSIONS_KEY);
});

test("a stop that comes as soon as it is ready is heard", async () => {
  const serve = run(KEY);
  await serve.url;
  serve.child.kill("SIGTERM");
  expect((await serve.ended).code).toBe(0);
});

test.each([
  ["no key", {}, "config_invalid"],
  ["other addresses without TLS", { ...KEY, RUNNER_RELAY_SESSIONS_LISTEN: "0.0.0.0" }, "listen_refused"],
])("with %s it does not start, and a restart would not help", async (_, env: Record<string, string>, why) => {
  const { code, stderr } = await run(env).ended;
  expect(stderr).toContain(why);
  expect(code).toBe(78);
});

test("a port that another program has is an error that names it", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const { code, stderr } = await run({ ...KEY, RUNNER_RELAY_SESSIONS_PORT: String(port) }).ended;
  other.close();
  expect(stderr).toContain("port_taken");
  expect(stderr).toContain(String(port));
  expect(code).toBe(78);
});

test("a broker without a log of sessions is said, and needs somebody", async () => {
  await using empty = await startTestBroker({ sync: false });
  const { code, stderr } = await run(KEY, empty).ended;
  expect(stderr).toContain("sessions_unavailable");
  expect(code).toBe(78);
});

test("a broker that refuses the login needs somebody", async () => {
  const { code, stderr } = await run({ ...KEY, NATS_PASSWORD: "wrong" }).ended;
  expect(stderr).toContain("broker_refused");
  expect(code).toBe(78);
});
