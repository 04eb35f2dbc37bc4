import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync, symlinkSync, mkdirSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createAccess } from "../../../src/sessions/access/access.ts";
import type { Access, Scope } from "../../../src/sessions/access/caller.ts";
import { createExpiries } from "../../../src/sessions/access/expiries.ts";
import { createKeyRing } from "../../../src/sessions/access/key-ring.ts";
import { sha256 } from "../../../src/sessions/access/keys.ts";
import { createPageGuard } from "../../../src/sessions/access/page-guard.ts";
import { createWorkspaces, openWorkspaceRoots } from "../../../src/sessions/access/workspaces.ts";
import { MOST_WRONG } from "../../../src/sessions/access/wrong-keys.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { userFolder } from "../../../src/shared/base/user-folder.ts";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { openSocket } from "../../support/socket-reader.ts";
import { openSse } from "../../support/sse-reader.ts";
import { selfSigned } from "../../support/certificate.ts";
import {
  SESSIONS_KEY,
  startTestServe,
  type Answer,
  type TestServe,
  type TestServeOptions,
} from "../../support/serve.ts";
import { sessionsBroker } from "../session-log/harness.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await sessionsBroker();
});
afterAll(() => broker?.[Symbol.asyncDispose]());

async function start(options: TestServeOptions = {}): Promise<TestServe> {
  const serve = await startTestServe(broker, options);
  onTestFinished(() => serve.close());
  return serve;
}

/** Users with keys of their own: the key of ann is `ann`. */
function keysOf(...users: string[]): Access {
  const scopes = new Set<Scope>(["read", "write", "user"]);
  const keys = createKeyRing(
    new Uint8Array(32),
    users.map((user) => ({ sha256: sha256(user), user, scopes })),
  );
  return createAccess({ keys, tokens: undefined, expiries: createExpiries(systemClock), open: false });
}

const as = (serve: TestServe, user: string, method: string, path: string, body?: object): Promise<Answer> =>
  serve.call(method, path, body, { authorization: `Bearer ${user}` });

const refused = (status: number, code: string): object => ({ status, json: { code, status } });

test("a page of a listed origin may call, with a key; other pages and other names may not", async () => {
  const origin = "https://app.example";
  const origins = new Set([origin]);
  const guard = createPageGuard({ listen: "127.0.0.1", hosts: [], origins });
  const serve = await start({ entrance: { origins, guard } });
  const page = { origin, "sec-fetch-site": "cross-site" };
  const preflight = await serve.call("OPTIONS", "/sessions", undefined, {
    ...page,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization",
    authorization: "",
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get("access-control-allow-origin")).toBe(origin);
  expect(preflight.headers.get("access-control-allow-headers")).toContain("Authorization");
  const listed = await serve.call("GET", "/sessions", undefined, page);
  expect(listed.status).toBe(200);
  expect(listed.headers.get("access-control-allow-origin")).toBe(origin);
  const keyless = await serve.call("GET", "/sessions", undefined, { ...page, authorization: "" });
  expect(keyless).toMatchObject(refused(401, "inbound_unauthorized"));
  expect(keyless.headers.get("access-control-allow-origin")).toBe(origin); // so that the page can read why
  const foreign = await serve.call("GET", "/sessions", undefined, { origin: "https://evil.example" });
  expect(foreign).toMatchObject(refused(403, "origin_refused"));
  expect(foreign.headers.get("access-control-allow-origin")).toBeNull();
});

test("by default no page may call, not even with a key", async () => {
  const serve = await start();
  for (const headers of [{ origin: "http://localhost:5173" }, { "sec-fetch-site": "same-site" }])
    expect(await serve.call("GET", "/health", undefined, headers)).toMatchObject(
      refused(403, "origin_refused"),
    );
});

test("wrong keys of one address are refused after a while; right ones always pass", async () => {
  const serve = await start({ entrance: { proxies: ["loopback"] } });
  const from = (address: string, key: string): Promise<Answer> =>
    serve.call("GET", "/sessions", undefined, { authorization: `Bearer ${key}`, "x-forwarded-for": address });
  for (let sent = 0; sent < MOST_WRONG; sent += 50)
    for (const { status } of await Promise.all(Array.from({ length: 50 }, () => from("10.0.0.1", "guess"))))
      expect(status).toBe(401);
  const late = await from("10.0.0.1", "guess");
  expect(late).toMatchObject(refused(429, "too_many_attempts"));
  expect(late.headers.get("retry-after")).toMatch(/^\d+$/);
  expect(await from("10.0.0.1", SESSIONS_KEY)).toMatchObject({ status: 200 });
  expect(await from("10.0.0.2", "guess")).toMatchObject({ status: 401 });
  // nobody but a proxy that is believed says where a request comes from
  const open = await start();
  const spoofed = await open.call("GET", "/sessions", undefined, {
    "x-forwarded-for": "10.0.0.1",
    authorization: "Bearer x",
  });
  expect(spoofed).toMatchObject({ status: 401 });
});

test("a user has so many sessions; those that are there are still found, and a deleted one makes room", async () => {
  const limits = { watchers: 9, turns: 9, sessions: 2, writes: 1000 };
  const serve = await start({ access: keysOf("max", "moritz"), entrance: { limits } });
  const make = (id: string, user = "max"): Promise<Answer> =>
    as(serve, user, "POST", "/sessions", { session_id: id });
  expect([(await make("a")).status, (await make("b")).status]).toEqual([201, 201]);
  const third = await make("c");
  expect(third).toMatchObject(refused(429, "too_many_sessions"));
  expect(third.headers.get("retry-after")).toBe("5");
  expect((await make("a")).status).toBe(200);
  expect((await make("c", "moritz")).status).toBe(201);
  await as(serve, "max", "DELETE", "/sessions/a");
  await expect.poll(async () => (await make("c")).status).toBe(201);
});

test("a user has so many turns that have not ended; a repeat is still recognised", async () => {
  const limits = { watchers: 9, turns: 2, sessions: 9, writes: 1000 };
  const serve = await start({ access: keysOf("tom"), entrance: { limits } });
  const ask = (session: string, turn: string): Promise<Answer> =>
    as(serve, "tom", "POST", `/sessions/${session}/turns`, { user_input: "x", client_turn_id: turn });
  for (const id of ["t1", "t2", "t3"]) await as(serve, "tom", "POST", "/sessions", { session_id: id });
  expect([(await ask("t1", "1")).status, (await ask("t2", "1")).status]).toEqual([202, 202]);
  expect(await ask("t3", "1")).toMatchObject(refused(429, "too_many_turns"));
  expect(await ask("t1", "1")).toMatchObject({ status: 202, json: { repeated: true } });
  const prompt = await as(serve, "tom", "POST", "/sessions", { session_id: "t4", prompt: "x" });
  expect(prompt).toMatchObject(refused(429, "too_many_turns"));
});

test("a user writes so many times a second, by whatever operation", async () => {
  const limits = { watchers: 9, turns: 9, sessions: 9, writes: 3 };
  const serve = await start({ access: keysOf("wim"), entrance: { limits } });
  await as(serve, "wim", "POST", "/sessions", { session_id: "w" });
  const event = { type: "note", data: {} };
  const five = { events: Array.from({ length: 5 }, () => event) };
  expect(await as(serve, "wim", "POST", "/sessions/w/events", five)).toMatchObject(
    refused(429, "too_many_writes"),
  );
  await expect
    .poll(async () => {
      const answers = await Promise.all(
        Array.from({ length: 5 }, () => as(serve, "wim", "PATCH", "/sessions/w", { metadata: {} })),
      );
      return answers.filter(({ status }) => status === 200).length;
    })
    .toBe(3);
  expect((await as(serve, "wim", "GET", "/sessions/w")).status).toBe(200);
});

test("OWNER-1: a session works in a folder of its user, and in none of another session", async () => {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "roots-")));
  onTestFinished(() => rmSync(base, { recursive: true }));
  const own = join(base, userFolder("fay"));
  mkdirSync(own);
  symlinkSync("/etc", join(own, "out"));
  const workspaces = createWorkspaces(await openWorkspaceRoots([base]));
  const serve = await start({ access: keysOf("fay", "guy"), workspaces });
  const make = (user: string, id: string, folder: string): Promise<Answer> =>
    as(serve, user, "POST", "/sessions", { session_id: id, workspace_dir: folder });
  expect(await make("fay", "f1", "app")).toMatchObject({
    status: 201,
    json: { workspace_dir: join(own, "app") },
  });
  expect(await make("fay", "f1", "app")).toMatchObject({ status: 200 });
  expect(await make("fay", "f2", join(own, "app"))).toMatchObject(refused(409, "workspace_busy"));
  expect(await make("guy", "g1", join(own, "other"))).toMatchObject(refused(403, "workspace_refused"));
  for (const folder of ["/etc", "../x", "out", "out/passwd", base])
    expect(await make("fay", "f3", folder)).toMatchObject(refused(403, "workspace_refused"));
  await as(serve, "fay", "DELETE", "/sessions/f1");
  expect(await make("fay", "f2", "app")).toMatchObject({ status: 201 });
  const admin = await start({ workspaces });
  const anywhere = { session_id: "r1", workspace_dir: join(base, "shared") };
  expect(await admin.call("POST", "/sessions", anywhere)).toMatchObject({ status: 201 });
});

test("with a certificate the server speaks TLS only", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tls-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const tls = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  const made = selfSigned();
  writeFileSync(tls.cert, made.certificate);
  writeFileSync(tls.key, made.key);
  const serve = await start({ entrance: { tls } });
  expect(serve.url).toMatch(/^https:/);
  const status = await new Promise((resolve, reject) => {
    request(`${serve.url}/health`, { ca: made.certificate }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", reject)
      .end();
  });
  expect(status).toBe(200);
  await expect(fetch(serve.url.replace("https:", "http:"))).rejects.toThrow();
});

const ONE_WATCHER = { watchers: 1, turns: 9, sessions: 9, writes: 1000 };
const WATCHED = {
  events: "/sessions/watched/events",
  socket: "/sessions/watched/execute",
  dialect: "/api/v1/sessions/watched/stream",
  lobby: "/ws/agent",
};

test("streams and sockets of every protocol count among a user's watchers, until they end", async () => {
  const serve = await start({ access: keysOf("wanda"), entrance: { limits: ONE_WATCHER } });
  await as(serve, "wanda", "POST", "/sessions", { session_id: "watched" });
  const headers = { authorization: "Bearer wanda" };
  const open = (path: string): Promise<{ close(): void }> =>
    (path === WATCHED.events ? openSse : openSocket)(serve.url + path, headers);
  for (const path of Object.values(WATCHED)) {
    const first = await eventually(() => open(path)); // the one before may not be seen to have ended
    for (const other of [WATCHED.events, WATCHED.socket]) await expect(open(other)).rejects.toThrow("429");
    // the dialect has this status for every refusal
    for (const other of [WATCHED.dialect, WATCHED.lobby]) await expect(open(other)).rejects.toThrow("403");
    first.close();
    await eventually(async () => (await open(path)).close());
    await eventually(async () => (await open(WATCHED.lobby)).close());
    await eventually(async () => (await open(WATCHED.events)).close());
  }
});

test.each(Object.values(WATCHED))(
  "a client of %s that leaves before it is admitted keeps no place",
  async (path) => {
    const keys = keysOf("wanda");
    let admitted = Promise.withResolvers<void>();
    const knocked = new Set<() => void>();
    const access: Access = {
      async caller(knock) {
        if (knock.headers["x-hold"] !== undefined) {
          for (const tell of knocked) tell();
          await admitted.promise;
        }
        return await keys.caller(knock);
      },
    };
    const serve = await start({ access, entrance: { limits: ONE_WATCHER } });
    await as(serve, "wanda", "POST", "/sessions", { session_id: "watched" });
    for (let i = 0; i < 3; i++) {
      const arrived = new Promise<void>((resolve) => knocked.add(resolve));
      const client = connect(Number(new URL(serve.url).port), "127.0.0.1");
      client.write(
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer wanda\r\nX-Hold: 1\r\n${
          path === WATCHED.events
            ? "Accept: text/event-stream"
            : "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        }\r\n\r\n`,
      );
      await arrived;
      client.resetAndDestroy();
      await once(client, "close");
      await as(serve, "wanda", "GET", "/sessions"); // the server has seen it go
      admitted.resolve();
      admitted = Promise.withResolvers<void>();
      await as(serve, "wanda", "GET", "/sessions/watched");
    }
    const headers = { authorization: "Bearer wanda" };
    await eventually(async () => (await openSse(serve.url + WATCHED.events, headers)).close());
  },
);
