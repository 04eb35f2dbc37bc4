import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, lstatSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { provisioned } from "../../support/relay.ts";
import { dataFolder, runCli, startUp } from "../../support/up.ts";
import { call, startTestGateway } from "./harness.ts";

/** The Unix socket beside the port: who may use it, and that it is the same gateway. */

let broker: TestBroker;
beforeAll(async () => {
  broker = await provisioned(await startTestBroker());
});
afterAll(() => broker[Symbol.asyncDispose]());

const NOBODY = 65_534;
const BODY = JSON.stringify({
  session_id: "s1",
  event_type: "message",
  timestamp: "2026-01-01T00:00:00Z",
});

function place(): string {
  const folder = mkdtempSync(join(tmpdir(), "rr-sock-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "gateway.sock");
}

type Answer = { status: number; text: string };

function callAt(
  socketPath: string,
  method: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        socketPath,
        method,
        path,
        headers: { host: "localhost", "content-type": "application/json", ...headers },
      },
      (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    request.on("error", reject);
    request.end(method === "POST" ? BODY : undefined);
  });
}

const ASYNC = { prefer: "respond-async" };

test("events are stored through it as through the port, and it is gone at the end", async () => {
  const socket = place();
  const gateway = await startTestGateway(broker, { socket });
  onTestFinished(() => gateway.close());
  expect(lstatSync(socket).mode & 0o777).toBe(0o600);
  const stored = await callAt(socket, "POST", "/events", ASYNC);
  expect(stored.status).toBe(202);
  const there = JSON.parse(stored.text) as { stream_seq: number };
  const other = await call(gateway.url(), "POST", "/events", BODY, ASYNC);
  expect(other.json["stream_seq"]).toBe(there.stream_seq + 1);
  expect((await callAt(socket, "GET", "/_relay/health")).status).toBe(200);
  expect((await callAt(socket, "GET", "/sessions")).status, "passed through: no relay is there").toBe(503);
  await gateway.close();
  expect(existsSync(socket)).toBe(false);
});

test.each<[string, Record<string, string>, number]>([
  ["by a name of this machine", { host: "localhost" }, 202],
  ["with a port", { host: "127.0.0.1:80" }, 202],
  ["by another name", { host: "evil.example" }, 403],
  ["from a page", { origin: "https://evil.example" }, 403],
  ["from another site", { "sec-fetch-site": "cross-site" }, 403],
])("called %s it answers as the port does", async (_, headers, status) => {
  const socket = place();
  await using gateway = await startTestGateway(broker, { socket });
  expect((await callAt(socket, "POST", "/events", { ...ASYNC, ...headers })).status).toBe(status);
  const atPort = await call(gateway.url(), "POST", "/events", BODY, { ...ASYNC, ...headers });
  expect(atPort.status).toBe(status);
});

test("where the port asks for a token the socket does not: its user alone can open it", async () => {
  const socket = place();
  await using gateway = await startTestGateway(broker, { socket, inboundToken: "for-the-port-only" });
  expect((await call(gateway.url(), "POST", "/events", BODY, ASYNC)).status).toBe(401);
  expect((await callAt(socket, "POST", "/events", ASYNC)).status).toBe(202);
});

test("another user of the machine cannot open it, though he sees it", async (context) => {
  if (process.getuid?.() !== 0 || spawnSync("setpriv", ["--version"]).error !== undefined)
    return context.skip("only root can become somebody else");
  const socket = place();
  chmodSync(join(socket, ".."), 0o755);
  await using gateway = await startTestGateway(broker, { socket });
  expect(gateway.url()).toMatch(/^http/);
  const asNobody = async (words: string[]): Promise<number | null> => {
    const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
    const child = spawn("setpriv", [...user, ...words], { stdio: "ignore" });
    return ((await once(child, "close")) as [number | null])[0];
  };
  expect(await asNobody(["test", "-S", socket]), "it is seen").toBe(0);
  const ask = ["curl", "-s", "-o", "/dev/null", "--unix-socket", socket, "http://localhost/_relay/health"];
  expect(await asNobody(ask)).not.toBe(0);
  const self = spawn(ask[0] ?? "", ask.slice(1), { stdio: "ignore" });
  expect(await once(self, "close")).toEqual([0, null]);
});

test("up serves it, names it, hands it to exec; a killed gateway takes its place again, a second one does not", async () => {
  const where = await dataFolder();
  onTestFinished(() => where[Symbol.asyncDispose]());
  const socket = join(where.path, "gateway.sock");
  const up = startUp(where.path, { args: ["--socket", socket] });
  const ready = await up.ready();
  expect(ready.socket).toBe(socket);
  expect(up.output.stdout).toContain(socket);
  await expect.poll(async () => (await callAt(socket, "POST", "/events")).status).toBe(201);
  const script = "console.log(process.env.AGENT_ORCHESTRATOR_API_SOCKET)";
  const told = await runCli(["exec", "--data", up.dataDir, "--", process.execPath, "-e", script]);
  expect(told.stdout).toBe(`${socket}\n`);
  const other = await dataFolder();
  onTestFinished(() => other[Symbol.asyncDispose]());
  const second = startUp(other.path, { args: ["--socket", socket] });
  const [code] = (await once(second.process, "close")) as [number];
  expect(code).toBe(78);
  expect(second.output.stderr).toMatch(/"code":"socket_unusable".*another process is listening there/);
  expect((await callAt(socket, "GET", "/_relay/health")).status).toBe(200);
  const { ino } = lstatSync(socket);
  killGateway(up.processes());
  await expect
    .poll(async () => {
      if (lstatSync(socket, { throwIfNoEntry: false })?.ino === ino) return "the old one";
      return (await callAt(socket, "GET", "/_relay/health").catch(() => ({ status: 0 }))).status;
    })
    .toBe(200);
  expect((await up.stop()).code).toBe(0);
  expect(existsSync(socket)).toBe(false);
});

function killGateway(pids: number[]): void {
  const pid = pids.find((it) => readFileSync(`/proc/${it}/cmdline`, "utf8").includes("/gateway/main."));
  if (pid === undefined) throw new Error("no gateway runs");
  process.kill(pid, "SIGKILL");
}
