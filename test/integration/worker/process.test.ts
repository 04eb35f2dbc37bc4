import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { userFolder } from "../../../src/shared/base/user-folder.ts";
import { createSession } from "../../../src/shared/session-log/registry/create.ts";
import { requestTurn } from "../../../src/shared/session-log/turns/request.ts";
import { bareEnv } from "../../support/bare-env.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { mainOf } from "../../support/bundle/main-of.ts";
import { eventually } from "../../support/eventually.ts";
import { registry, sessionsBroker } from "../session-log/harness.ts";

let dir: string;
let broker: TestBroker;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "rr-worker-"));
  broker = await sessionsBroker();
});
afterAll(async () => {
  await broker[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

type Ended = { code: number | null; stdout: string; stderr: string };

/** Runs a worker until it ends; `stop` asks it to. */
function run(
  env: Record<string, string>,
  at: TestBroker = broker,
): { stop(): void; out: () => string; ended: Promise<Ended> } {
  const { servers, user = "", password = "" } = at.access("worker");
  const child = spawn(process.execPath, [mainOf("worker")], {
    env: {
      ...bareEnv(),
      RUNNER_RELAY_DATA: dir,
      NATS_URL: servers.join(","),
      NATS_USER: user,
      NATS_PASSWORD: password,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return { stop: () => child.kill("SIGTERM"), out: () => stdout, ended };
}

test("a worker runs turns in the data folder, says when it is ready, and stops", async () => {
  const ending = new AbortController();
  const client = await registry(broker, ending.signal);
  const { session } = await createSession(client, { user: "ann", id: "s", kind: "worker", record: {} });
  const worker = run({ RUNNER_RELAY_WORKER: "w1" });
  await eventually(() => expect(worker.out()).toBe('{"ready":true}\n'));
  await requestTurn(client, session, "a", Buffer.from('{"user_input":"hello"}'));
  await eventually(async () => {
    const { events } = await client.pages.read(`rr.ses.${session.name}.out.turn_ended`, 1);
    expect(events).toHaveLength(1);
  });
  expect(readdirSync(join(dir, "workspaces", userFolder("ann")))).toEqual([session.name]);
  worker.stop();
  const { code, stderr } = await worker.ended;
  expect(code).toBe(0);
  expect(stderr).toMatch(/"turn":"a","epoch":\d+,"outcome":"finished","ms":\d+.*"turn ended"/);
  expect(stderr).not.toContain("hello");
  ending.abort();
});

test.each([
  [{ RUNNER_RELAY_AGENT: "claude" }, "there is no agent `claude`; choose echo or http"],
  [{ TETHER_AGENT_ADAPTER: "auto" }, "RUNNER_RELAY_AGENT=auto found no agent: it needs"],
  [{ RUNNER_RELAY_AGENT: "http" }, "needs RUNNER_RELAY_AGENT_HTTP_URL"],
  [{ RUNNER_RELAY_WORKSPACE_ROOT: "/dev/null/x" }, "/dev/null/x cannot be used"],
])("a worker with %j does not start, and a restart would not help", async (env, text) => {
  const { code, stderr } = await run(env).ended;
  expect(code).toBe(78);
  expect(stderr).toContain("config_invalid");
  expect(stderr).toContain(text);
});

test("a broker without a log of sessions has a code", async () => {
  await using bare = await startTestBroker({ sync: false });
  const { code, stderr } = await run({}, bare).ended;
  expect(stderr).toContain("sessions_unavailable");
  expect(code).toBe(75);
});
