import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import { connect } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { MAX_STREAMS_PER_GATEWAY, parseAllowList } from "../../../src/relay/tunnel/limits.ts";
import { startReflector } from "./reflector.ts";
import { startStack } from "./stack.ts";

it("requests beyond what a relay carries for one gateway get tunnel_busy, and succeed later when others end", async () => {
  const open = new Set<ServerResponse>();
  await using upstream = await startReflector({ on: { "/hang": (_, response) => void open.add(response) } });
  await using stack = await startStack(upstream.url);
  const all = Array.from({ length: MAX_STREAMS_PER_GATEWAY }, () =>
    fetch(`${stack.url}/hang`).then((answer) => answer.status),
  );
  await expect.poll(() => open.size).toBe(MAX_STREAMS_PER_GATEWAY);
  const refused = await fetch(`${stack.url}/sessions`);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
  expect(await refused.json()).toMatchObject({ code: "tunnel_busy" });
  for (const response of open) response.end("done");
  expect(new Set(await Promise.all(all))).toEqual(new Set([200]));
  expect((await fetch(`${stack.url}/sessions`)).status).toBe(200);
});

it("ISOLATE-1: bodies that stopped arriving give way to another request, and the others stay", async () => {
  const open = new Set<ServerResponse>();
  await using upstream = await startReflector({ on: { "/hang": (_, response) => void open.add(response) } });
  await using stack = await startStack(upstream.url);
  const waiting = fetch(`${stack.url}/hang`).then((answer) => answer.status);
  const { hostname, port } = new URL(stack.url);
  const head = `POST /half HTTP/1.1\r\nHost: ${hostname}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n`;
  const half = Array.from({ length: 511 }, () => connect(Number(port), hostname));
  onTestFinished(() => half.forEach((socket) => socket.destroy()));
  for (const socket of half) socket.on("error", () => {}).write(head);
  await expect.poll(() => open.size).toBe(1);
  await expect.poll(() => stack.size()).toBeGreaterThanOrEqual(512);
  await expect.poll(async () => (await fetch(`${stack.url}/sessions`)).status).toBe(200);
  for (const response of open) response.end("done");
  expect(await waiting).toBe(200);
});

/** A request whose body comes in chunks of a byte; resolves to what comes back. */
function crumbs(url: string, path: string, bytes: number): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(Number(port), hostname);
    socket.on("error", () => {}).on("close", () => resolve(text));
    socket.on("data", (data) => void (text += data.toString("latin1")));
    const head = `POST ${path} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n`;
    socket.write(`${head}${"1\r\nx\r\n".repeat(bytes)}0\r\n\r\n`);
  });
}

it("BOUND-1: a body in chunks of a byte arrives whole, and a flood of them is refused or arrives, and ends nothing", async () => {
  await using upstream = await startReflector();
  await using stack = await startStack(upstream.url);
  expect(await crumbs(stack.url, "/sessions", 40_000)).toMatch(/^HTTP\/1.1 200 /);
  const sha = createHash("sha256").update(Buffer.alloc(40_000, "x")).digest("hex");
  expect(upstream.seen.at(-1)).toMatchObject({ length: 40_000, sha });
  const floods = await Promise.all([1, 2, 3].map(() => crumbs(stack.url, "/sessions", 300_000)));
  // how fast they come is this machine's matter
  for (const text of floods) expect(text).toMatch(/^HTTP\/1.1 200 |"code":"body_too_large"/);
  expect((await fetch(`${stack.url}/sessions`)).status).toBe(200);
});

it("a coordinator that does not answer: 504 when its time is over, and the request is cancelled there", async () => {
  let closed = false;
  await using upstream = await startReflector({
    on: { "/hang": (_, response) => void response.on("close", () => (closed = true)) },
  });
  await using stack = await startStack(upstream.url, { passTimeoutMs: 1000 });
  const answer = await fetch(`${stack.url}/hang`, { method: "POST" });
  expect(answer.status).toBe(504);
  expect(await answer.json()).toMatchObject({ code: "coordinator_timeout" });
  await expect.poll(() => closed).toBe(true);
});

it("a path that is not on the allow-list never reaches the coordinator", async () => {
  await using upstream = await startReflector();
  await using stack = await startStack(upstream.url, { allow: parseAllowList("GET /sessions/**") });
  expect((await fetch(`${stack.url}/sessions/s1`)).status).toBe(200);
  for (const [method, path] of [
    ["GET", "/runs"],
    ["POST", "/sessions/s1"],
    ["GET", "/sessions/..%2fruns"],
  ] as const) {
    const answer = await fetch(stack.url + path, { method });
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({ code: "path_not_allowed" });
  }
  expect(upstream.seen.map(({ target }) => target)).toEqual(["/sessions/s1"]);
});
