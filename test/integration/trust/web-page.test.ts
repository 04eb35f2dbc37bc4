import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestConsole, type TestConsole } from "../../support/console.ts";
import { startCoordinator, type TestCoordinator } from "../../support/coordinator.ts";
import { call } from "../gateway/harness.ts";
import { sendRaw } from "../tunnel/raw.ts";
import { startReflector, type Reflector } from "../tunnel/reflector.ts";
import { startStack, type Stack } from "../tunnel/stack.ts";

/** What browsers say of a page that is not ours, in the forms of this year and of earlier ones. */
const PAGES: Record<string, string>[] = [
  {
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "no-cors",
    "sec-fetch-dest": "image",
    referer: "https://evil.example/",
  },
  { "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script" },
  { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" },
  { referer: "http://localhost:3000/other" },
  { origin: "null" },
];
const LINK = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
const TYPED = { "sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };

let upstream: Reflector;
let stack: Stack;
let page: TestConsole;
let standIn: TestCoordinator;

beforeAll(async () => {
  upstream = await startReflector();
  stack = await startStack(upstream.url, { env: { AGENT_ORCHESTRATOR_API_KEY: "relay-only" } });
  page = await startTestConsole(stack.broker);
  standIn = await startCoordinator({ autoCreateSessions: true });
});

afterAll(async () => {
  await standIn?.[Symbol.asyncDispose]();
  await page?.[Symbol.asyncDispose]();
  await stack?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

describe("CRED-1: a page of the web reaches the coordinator through none of our ports", () => {
  test.each([...PAGES, LINK])("the gateway: %j", async (headers) => {
    const before = upstream.seen.length;
    for (const [method, path] of [
      ["GET", "/runner/runs?runner_id=r1"],
      ["GET", "/sessions"],
      ["HEAD", "/sessions"],
      ["DELETE", "/sessions/s1"],
      ["POST", "/events"],
      ["GET", "/_relay/metrics"],
      ["GET", "/_relay/openapi.json"],
    ] as const) {
      const reply = await call(stack.url, method, path, method === "POST" ? "{}" : undefined, headers);
      expect(reply.status, `${method} ${path}`).toBe(403);
      if (method !== "HEAD") expect(reply.json).toMatchObject({ code: "origin_refused" });
    }
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const upgrade = await sendRaw(
      stack.url,
      `GET /ws HTTP/1.1\r\nHost: ${new URL(stack.url).host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${lines.join("")}\r\n`,
    );
    expect(upgrade.status).toBe(403);
    expect(upstream.seen.length).toBe(before);
  });

  test.each(PAGES)("the relay's port: %j", async (headers) => {
    for (const path of ["/health", "/status", "/metrics", "/"])
      expect((await call(stack.relay.adminUrl, "GET", path, undefined, headers)).status, path).toBe(403);
  });

  test.each(PAGES)("the console's port: %j", async (headers) => {
    for (const path of ["/health", "/status.json", "/"])
      expect((await call(page.url, "GET", path, undefined, headers)).status, path).toBe(403);
  });

  test.each([...PAGES, LINK])("the stand-in: %j", async (headers) => {
    for (const [method, path] of [
      ["GET", "/sessions"],
      ["POST", "/sessions/s1/events"],
    ] as const) {
      const reply = await call(standIn.url, method, path, method === "POST" ? "{}" : undefined, headers);
      expect(reply.status).toBe(403);
    }
    expect(standIn.writes()).toEqual([]);
  });

  test("an address that a person types is served, and at the relay's port a link too", async () => {
    expect((await call(stack.url, "GET", "/sessions", undefined, TYPED)).status).toBe(200);
    expect((await call(standIn.url, "GET", "/sessions", undefined, TYPED)).status).toBe(200);
    expect((await call(stack.relay.adminUrl, "GET", "/health", undefined, TYPED)).status).toBe(200);
    expect((await call(stack.relay.adminUrl, "GET", "/health", undefined, LINK)).status).toBe(200);
  });

  test("a program's fetch, which says its mode only, is served", async () => {
    expect((await fetch(`${stack.url}/sessions`)).status).toBe(200);
    expect((await fetch(`${stack.url}/x`, { method: "POST", body: "1" })).status).toBe(200);
  });
});
