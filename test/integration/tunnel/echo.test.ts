import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import { connect, type AddressInfo } from "node:net";
import {
  brotliCompressSync,
  brotliDecompressSync,
  createGzip,
  deflateRawSync,
  deflateSync,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sendRaw, type RawAnswer } from "./raw.ts";
import { startStack, type Stack } from "./stack.ts";

const KEY = "planted/key+with &signs=8c2f";
const STARS = "*".repeat(KEY.length);
const MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** What the coordinator says of the request that it got: its head, credential included. */
const headOf = (request: IncomingMessage): string =>
  `${request.method} ${request.url}\n${request.rawHeaders.join("\n")}\nend`;

const CODINGS: [string, (text: string) => Buffer][] = [
  ["gzip", (text) => gzipSync(text)],
  ["x-gzip", (text) => gzipSync(text)],
  ["deflate", (text) => deflateSync(text)],
  ["Deflate", (text) => deflateRawSync(text)],
  ["br", (text) => brotliCompressSync(text)],
  ["zstd", (text) => zstdCompressSync(text)],
];

/** Ways to quote a request's head. */
const ECHOES: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  "/plain": (request, response) => void response.end(headOf(request)),
  "/401": (request, response) =>
    void response.writeHead(401, { "www-authenticate": `Bearer error="${KEY}"` }).end(headOf(request)),
  "/500": (request, response) =>
    void response.writeHead(500, `no ${KEY}`.replaceAll(/[^ -~]/g, "")).end(headOf(request)),
  "/302": (_, response) =>
    void response.writeHead(302, { location: `/login?key=${encodeURIComponent(KEY)}` }).end(),
  "/json": (request, response) =>
    void response.end(JSON.stringify({ text: JSON.stringify(request.headers) })),
  "/base64": (request, response) => void response.end(Buffer.from(headOf(request)).toString("base64")),
  "/bytes": (request, response) => {
    // one byte a packet
    const text = Buffer.from(headOf(request));
    let at = 0;
    const next = (): void =>
      void (at < text.length
        ? response.write(text.subarray(at, ++at), () => setImmediate(next))
        : response.end());
    next();
  },
  "/sse": (request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(`data: ${request.headers.authorization?.slice(0, 20)}`);
    setImmediate(() => response.end(`${request.headers.authorization?.slice(20)}\n\n`));
  },
  "/trailers": (_, response) => {
    response.writeHead(200, { trailer: "x-echo" });
    response.write("body");
    response.addTrailers({ "x-echo": KEY });
    response.end();
  },
  "/cut": (_, response) => void response.end(`end ${KEY.slice(0, -1)}`),
  "/not-gzip": (request, response) =>
    void response.setHeader("content-encoding", "gzip").end(headOf(request)),
  "/unknown": (request, response) =>
    void response.setHeader("content-encoding", "x-own").end(headOf(request)),
};

/** A compressed stream that pauses in the middle of what may be a secret, and of which nothing is one. */
async function pausing(response: ServerResponse): Promise<void> {
  const packer = createGzip();
  response.setHeader("content-encoding", "gzip");
  packer.pipe(response);
  for (const part of ["begin ", KEY.slice(0, 9), " and then no secret at all"]) {
    packer.write(part);
    await new Promise<void>((done) => packer.flush(done));
    await new Promise((done) => setTimeout(done, 20));
  }
  packer.end();
}

describe("CRED-1: a coordinator that echoes what it got", () => {
  const server = createServer((request, response) => {
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    if (path === "/health")
      return void response.setHeader("content-type", "application/json").end('{"status":"healthy"}');
    const coding = CODINGS.find(([name]) => path === `/coded/${name}`);
    if (coding !== undefined) {
      const text = request.url?.includes("clean") ? "clean ".repeat(50_000) : headOf(request);
      const bytes = coding[1](text);
      response.setHeader("content-encoding", coding[0]);
      if (!request.url?.includes("split")) return void response.end(bytes);
      response.write(bytes.subarray(0, 20)); // the first piece tells nothing yet
      return void setTimeout(() => response.end(bytes.subarray(20)), 20);
    }
    request.resume();
    if (path === "/pausing") return void pausing(response);
    (ECHOES[path] ?? ECHOES["/plain"])?.(request, response);
  });
  server.on("upgrade", (request, socket) => {
    const accept = createHash("sha1")
      .update(String(request.headers["sec-websocket-key"]) + MAGIC)
      .digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\nX-Offered: ${request.headers["sec-websocket-extensions"] ?? "nothing"}\r\n\r\n`,
    );
    const text = Buffer.from(`you sent ${request.headers.authorization}`);
    socket.end(Buffer.concat([Buffer.from([0x81, text.length]), text]));
  });
  let stack: Stack;

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    stack = await startStack(url, { env: { AGENT_ORCHESTRATOR_API_KEY: KEY } });
  });

  afterAll(async () => {
    await stack?.[Symbol.asyncDispose]();
    server.closeAllConnections();
    server.close();
  });

  const ask = (path: string, more = "", method = "GET"): Promise<RawAnswer> =>
    sendRaw(
      stack.url,
      `${method} ${path} HTTP/1.1\r\nHost: ${new URL(stack.url).host}\r\nConnection: close\r\n${more}\r\n`,
      { method },
    );

  function expectNone(answer: RawAnswer): void {
    const { body, ...head } = answer;
    const text = `${JSON.stringify(head)}\n${body.toString()}\n${Buffer.from(body.toString(), "base64").toString("latin1")}`;
    for (const form of [KEY, encodeURIComponent(KEY), "planted/key", "with &signs", "signs=8c2f"])
      expect(text).not.toContain(form);
  }

  it.each(Object.keys(ECHOES))("%s", async (path) => {
    const answer = await ask(path);
    expect(answer.whole).toBe(true);
    expectNone(answer);
    expect(JSON.stringify(answer) + answer.body.toString()).toContain("****");
  });

  it.each(["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PROPFIND"])("%s", async (method) => {
    for (const path of ["/plain", "/401", "/302", "/500"])
      expectNone(await ask(path, "Content-Length: 0\r\n", method));
    const answer = await ask("/plain", "", method);
    if (method !== "HEAD") expect(answer.body.toString()).toContain(`Bearer ${STARS}\n`);
  });

  it.each(CODINGS.map(([name]) => name))("compressed by %s it is cut", async (name) => {
    const answer = await ask(`/coded/${name}`);
    expect(answer.status).toBe(502);
    expect(answer.body.toString()).toContain("credential_echoed");
    expectNone(answer);
    const late = await ask(`/coded/${name}?split`).catch(() => undefined); // its head may be out
    expect(late?.whole === true && late.status === 200).toBe(false);
    if (late !== undefined) expectNone(late);
  });

  it.each(CODINGS.map(([name]) => name))(
    "compressed by %s what quotes nothing passes as it is",
    async (name) => {
      const answer = await ask(`/coded/${name}?clean&split`);
      expect(answer).toMatchObject({ status: 200, whole: true });
      const bytes = CODINGS.find(([known]) => known === name)?.[1]("clean ".repeat(50_000));
      expect(answer.body.equals(bytes ?? Buffer.alloc(0))).toBe(true);
      if (name === "gzip") expect(gunzipSync(answer.body).length).toBe(300_000);
      if (name === "br") expect(brotliDecompressSync(answer.body).length).toBe(300_000);
    },
  );

  it("a compressed stream that pauses where a secret might begin continues", async () => {
    const answer = await ask("/pausing");
    expect(answer).toMatchObject({ status: 200, whole: true });
    expect(gunzipSync(answer.body).toString()).toBe(`begin ${KEY.slice(0, 9)} and then no secret at all`);
  });

  it("a WebSocket's frames, whose compression is not offered then", async () => {
    const { host, hostname, port } = new URL(stack.url);
    const socket = connect(Number(port), hostname);
    const ended = once(socket, "close");
    let wire = "";
    socket.on("data", (chunk: Buffer) => (wire += chunk.toString("latin1")));
    socket.write(
      `GET /ws HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n`,
    );
    await ended;
    expect(wire).toMatch(/^HTTP\/1\.1 101 /);
    expect(wire).toContain("X-Offered: nothing\r\n");
    expect(wire).toContain(`you sent Bearer ${STARS}`);
  });
});
