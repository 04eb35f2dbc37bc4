import { createServer, type AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createUpstream } from "../../../src/relay/tunnel/upstream.ts";
import { sendRaw } from "./raw.ts";
import { startStack, type Stack } from "./stack.ts";

/** One request as it is on a wire that carries no other. */
type Wired = { line: string; body: string };

/** Reads requests as a strict server does, one behind the other; what is left over would be the next request. */
function parse(bytes: string): { requests: Wired[]; rest: string } {
  const requests: Wired[] = [];
  let rest = bytes;
  for (;;) {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) return { requests, rest };
    const [line = "", ...headers] = rest.slice(0, end).split("\r\n");
    const value = (name: string): string | undefined =>
      headers
        .find((header) => header.toLowerCase().startsWith(`${name}:`))
        ?.slice(name.length + 1)
        .trim();
    const after = rest.slice(end + 4);
    let body = "";
    let used = 0;
    if (value("transfer-encoding") === "chunked") {
      for (;;) {
        const at = after.indexOf("\r\n", used);
        if (at < 0) return { requests, rest };
        const size = Number.parseInt(after.slice(used, at), 16);
        body += after.slice(at + 2, at + 2 + size);
        used = at + 2 + size + 2;
        if (size === 0) break;
      }
    } else {
      used = Number(value("content-length") ?? 0);
      if (after.length < used) return { requests, rest };
      body = after.slice(0, used);
    }
    requests.push({ line, body });
    rest = after.slice(used);
  }
}

const INNER = "POST /sessions/s1/bind HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
const METHODS = ["GET", "HEAD", "OPTIONS", "DELETE", "POST", "PUT", "PATCH", "PROPFIND", "QUERY"];
const BODIES: [string, string, string][] = [
  ["chunked", "Transfer-Encoding: chunked", `${INNER.length.toString(16)}\r\n${INNER}\r\n0\r\n\r\n`],
  ["of a known length", `Content-Length: ${INNER.length}`, INNER],
];

describe("every request that reaches the coordinator is framed", () => {
  const wires: string[] = [];
  const server = createServer((socket) => {
    let bytes = "";
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      bytes += chunk.toString("latin1");
      if (!bytes.includes("\r\n\r\n")) return;
      const { requests, rest } = parse(bytes);
      if (requests.length === 0 || rest !== "") return;
      if (!bytes.startsWith("GET /health")) wires.push(bytes);
      bytes = "";
      socket.end(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
      );
    });
    socket.on("close", () => bytes !== "" && wires.push(bytes));
  });
  let stack: Stack;
  let url: string;

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    stack = await startStack(url, { env: { AGENT_ORCHESTRATOR_API_KEY: "relay-only" } });
  });

  afterAll(async () => {
    await stack?.[Symbol.asyncDispose]();
    server.close();
  });

  const ask = (method: string, target: string, header: string, body: string): ReturnType<typeof sendRaw> =>
    sendRaw(
      stack.url,
      `${method} ${target} HTTP/1.1\r\nHost: ${new URL(stack.url).host}\r\nConnection: close\r\n${header}\r\n\r\n${body}`,
      { method },
    );

  describe.each(BODIES)("a body %s", (_, header, body) => {
    it.each(METHODS)("%s with a path, an absolute form, an empty path", async (method) => {
      for (const target of ["/things", "http://x.example/things", "http://x.example", "/a?b=*"]) {
        wires.length = 0;
        expect((await ask(method, target, header, body)).status).toBe(200);
        await expect.poll(() => wires.length).toBe(1);
        expect(parse(wires[0] ?? "")).toMatchObject({ requests: [{ body: INNER }], rest: "" });
      }
    });

    it("OPTIONS * is framed, every other method's * is refused", async () => {
      for (const method of METHODS) {
        wires.length = 0;
        const answer = await ask(method, "*", header, body);
        expect(answer.status).toBe(method === "OPTIONS" ? 200 : 400);
        if (method !== "OPTIONS") continue;
        await expect.poll(() => wires.length).toBe(1);
        expect(parse(wires[0] ?? "")).toMatchObject({
          requests: [{ line: "OPTIONS * HTTP/1.1", body: INNER }],
          rest: "",
        });
      }
      expect(wires.filter((wire) => !wire.startsWith("OPTIONS"))).toEqual([]);
    });

    it("a WebSocket's handshake has none", async () => {
      wires.length = 0;
      const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13";
      const answer = await ask("GET", "/ws", `${upgrade}\r\n${header}`, body);
      expect(answer.status).toBe(400);
      expect(answer.body.toString()).toContain("framing_invalid");
      expect(wires).toEqual([]);
    });
  });

  it.each(["gzip, chunked", "chunked, chunked"])(
    "a coding that would get lost is refused: %s",
    async (coding) => {
      wires.length = 0;
      const answer = await ask("POST", "/things", `Transfer-Encoding: ${coding}`, "0\r\n\r\n");
      expect(answer.status).toBe(400);
      expect(wires).toEqual([]);
    },
  );

  it("CRED-1: TRACE is refused wherever it points", async () => {
    wires.length = 0;
    expect((await ask("TRACE", "/", "X-A: 1", "")).status).toBe(405);
    for (const target of ["*", "/sessions", "http://x.example/"]) {
      const answer = await ask("TRACE", target, "X-A: 1", "");
      expect(answer.status).toBe(501);
      expect(answer.body.toString()).toContain("method_not_forwarded");
    }
    expect(wires).toEqual([]);
  });

  it("also where a gateway would not refuse", async () => {
    for (const method of METHODS) {
      for (const stream of [true, false]) {
        wires.length = 0;
        const upstream = createUpstream(url);
        const body = stream ? new PassThrough() : Buffer.from(INNER);
        const answered = new Promise<number | string>((resolve) => {
          upstream.call(
            { method, target: "*", headers: [], headLimitMs: 5000, body },
            { head: resolve, data: () => true, end() {}, failed: resolve },
          );
        });
        if (body instanceof PassThrough) body.end(INNER);
        expect(await answered).toBe(200);
        await expect.poll(() => wires.length).toBe(1);
        expect(parse(wires[0] ?? "")).toMatchObject({ requests: [{ body: INNER }], rest: "" });
        await upstream.close();
      }
    }
  });
});
