import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startCoordinator } from "../../support/coordinator.ts";
import { dataFolder, startUp } from "../../support/up.ts";
import { call, type Reply } from "../gateway/harness.ts";
import { eventually } from "../../support/eventually.ts";

/** A small file system of its own, or undefined where this user may make none. */
function smallDisk(folder: string, size: string): AsyncDisposable | undefined {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  return {
    async [Symbol.asyncDispose]() {
      execFileSync("umount", ["-l", folder]);
    },
  };
}

/** Takes whatever room is left. */
function fill(file: string): void {
  const handle = openSync(file, "w");
  const block = Buffer.alloc(64 * 1024);
  try {
    for (;;) writeSync(handle, block);
  } catch {
    // full
  } finally {
    closeSync(handle);
  }
}

test("SETTLE-1: while the disk is full a gateway is not ready and says why; it is when there is room again", async ({
  skip,
}) => {
  await using folder = await dataFolder();
  await using disk = smallDisk(folder.path, "128m");
  if (disk === undefined) return skip("needs the right to mount a tmpfs");
  await using coordinator = await startCoordinator({ autoCreateSessions: true });
  const up = startUp(folder.path, { args: ["--coordinator", coordinator.url, "--port", "0"] });
  const { gateway } = await up.ready();
  const send = async (): Promise<number> => {
    const body = { session_id: "s", event_type: "message", timestamp: "t", content: "x".repeat(50_000) };
    return (await call(gateway, "POST", "/events", body, { prefer: "respond-async" })).status;
  };
  const ready = (): Promise<Reply> => call(gateway, "GET", "/_relay/ready");
  let taken = 0;
  const refused = async (): Promise<void> => {
    const status = await send();
    if (status === 202) taken++;
    expect(status).toBe(503);
  };

  expect(await send()).toBe(202);
  taken++;
  expect((await ready()).json).toMatchObject({ ready: true, dependencies: { log: { state: "up" } } });

  const filler = join(folder.path, "filler");
  fill(filler);
  await eventually(refused);
  const no = await ready();
  expect(no.status).toBe(503);
  expect(no.json).toMatchObject({ ready: false, dependencies: { log: { state: "refusing" } } });

  rmSync(filler);
  await eventually(async () => expect((await ready()).status).toBe(200));
  expect(await send(), "ready is no empty word").toBe(202);
  taken++;
  await eventually(() => expect(new Set(coordinator.writes("s").map(({ key }) => key)).size).toBe(taken));
  expect((await up.stop()).code).toBe(0);
}, 180_000);

/** Gives the file system another size. Without one, it has no room beyond what is used. */
function resize(folder: string, size?: string): void {
  const { bsize, blocks, bfree } = statfsSync(folder);
  const to = size ?? String((blocks - bfree) * bsize);
  execFileSync("mount", ["-o", `remount,size=${to}`, folder], { stdio: "ignore" });
}

test("SEEN-1, TURN-1: the disk is full in the middle of a turn: what was seen stays, every turn ends, the next one runs", async ({
  skip,
}) => {
  await using folder = await dataFolder();
  await using disk = smallDisk(folder.path, "1600m");
  if (disk === undefined) return skip("needs the right to mount a tmpfs");
  const answers: ServerResponse[] = [];
  const agent = createServer((_request, response) => void answers.push(response)).listen(0, "127.0.0.1");
  await once(agent, "listening");
  const env = {
    RUNNER_RELAY_AGENT: "http",
    RUNNER_RELAY_AGENT_HTTP_URL: `http://127.0.0.1:${(agent.address() as AddressInfo).port}/`,
    RUNNER_RELAY_SESSIONS_API_KEY: "key-of-the-full-disk-0123456789",
  };
  const up = startUp(folder.path, { args: ["--port", "0"], also: ["sessions"], env });
  const { sessions = "" } = await up.ready();
  const headers = { authorization: `Bearer ${env.RUNNER_RELAY_SESSIONS_API_KEY}` };
  const ask = (path: string, body?: object): Promise<Response> =>
    fetch(sessions + path, {
      method: body === undefined ? "GET" : "POST",
      headers: { ...headers, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const turn = async (id: string): Promise<number> =>
    (await ask("/sessions/chat/turns", { user_input: "go", client_turn_id: id })).status;
  const events = async (): Promise<{ seq: number; type: string; turn_id?: string; data: object }[]> =>
    ((await (await ask("/sessions/chat/events?limit=1000")).json()) as { events: [] }).events;
  const says = (n: number): void =>
    void answers[0]?.write(`${JSON.stringify({ type: "status", data: { n, pad: "x".repeat(50_000) } })}\n`);

  expect((await ask("/sessions", { session_id: "chat" })).status).toBe(201);
  expect(await turn("t1")).toBe(202);
  await eventually(() => expect(answers).toHaveLength(1));
  answers[0]?.writeHead(200).flushHeaders();
  says(0);
  const seen = await eventually(async () => {
    const found = await events();
    expect(found.at(-1)?.type).toBe("status");
    return found;
  });
  await eventually(() => resize(folder.path)); // refused where somebody wrote meanwhile
  let n = 0;
  await eventually(async () => {
    says(++n);
    expect([503, 507]).toContain(await turn(`refused-${n}`));
  });
  resize(folder.path, "1600m");
  answers[0]?.end();
  await eventually(async () => {
    const status = await turn("t2");
    expect(status).toBe(202);
  });
  const all = await eventually(async () => {
    answers.at(-1)?.end();
    const found = await events();
    expect(found.find(({ type, turn_id }) => type === "turn_ended" && turn_id === "t2")).toBeDefined();
    return found;
  });
  expect(all.slice(0, seen.length)).toEqual(seen);
  const ids = (kind: string): (string | undefined)[] =>
    all.filter(({ type }) => type === kind).map(({ turn_id }) => turn_id);
  expect(new Set(ids("turn_ended"))).toEqual(new Set(ids("turn"))); // each accepted one ended,
  expect(ids("turn_ended")).toHaveLength(ids("turn").length); // once
  expect((await up.stop()).code).toBe(0);
  agent.closeAllConnections();
  agent.close();
}, 180_000);
