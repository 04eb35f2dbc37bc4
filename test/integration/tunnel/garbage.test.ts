import { createServer, type AddressInfo, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sendRaw } from "./raw.ts";
import { startReflector, type Reflector } from "./reflector.ts";
import { startStack, type Stack } from "./stack.ts";

const PASS = "Bearer relay-only";

describe("requests that are no good HTTP", () => {
  let upstream: Reflector;
  let stack: Stack;
  let host: string;

  beforeAll(async () => {
    upstream = await startReflector();
    stack = await startStack(upstream.url, {}, { bodyMs: 700, headMs: 400, checkEveryMs: 50 });
    ({ host } = new URL(stack.url));
  });

  afterAll(async () => {
    await stack?.[Symbol.asyncDispose]();
    await upstream?.[Symbol.asyncDispose]();
  });

  it.each([
    [
      "both Content-Length and Transfer-Encoding",
      "POST /a",
      "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
      400,
    ],
    [
      "the same the other way round",
      "POST /a",
      "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
      400,
    ],
    ["two Content-Lengths", "POST /a", "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400],
    ["a list of lengths", "POST /a", "Content-Length: 5, 5\r\n\r\nhello", 400],
    ["a signed length", "POST /a", "Content-Length: +5\r\n\r\nhello", 400],
    ["a length that is no number", "POST /a", "Content-Length: 0x5\r\n\r\nhello", 400],
    ["a hidden coding", "POST /a", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400],
    ["chunked not last", "POST /a", "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400],
    [
      "chunked twice",
      "POST /a",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
      400,
    ],
    ["a space before the colon", "POST /a", "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400],
    ["an obsolete line folding", "GET /a", "X-A: 1\r\n 2\r\n\r\n", 400],
    ["a bare CR in a value", "GET /a", "X-A: 1\rX-B: 2\r\n\r\n", 400],
    ["a bare LF as line end", "GET /a", "X-A: 1\nX-B: 2\r\n\r\n", 400],
    ["NUL in a value", "GET /a", "X-A: 1\u00002\r\n\r\n", 400],
    ["a space in a name", "GET /a", "X A: 1\r\n\r\n", 400],
    ["no name", "GET /a", ": 1\r\n\r\n", 400],
    [
      "a chunk size that overflows",
      "POST /a",
      "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx",
      400,
    ],
    ["a bomb of one value", "GET /a", `X-A: ${"x".repeat(20_000)}\r\n\r\n`, 431],
    [
      "a bomb of many headers",
      "GET /a",
      `${Array.from({ length: 3000 }, (_, i) => `X-${i}: 1`).join("\r\n")}\r\n\r\n`,
      431,
    ],
    ["a target with a space", "GET /a b", "\r\n", 400],
    ["a target with raw bytes", "GET /caf\u00c3\u00a9", "\r\n", 400],
    ["an unknown method", "BREW /a", "\r\n", 400],
    ["a foreign scheme", "GET file:///etc/passwd", "\r\n", 200],
    ["an expectation that nobody knows", "POST /a", "Expect: something\r\nContent-Length: 1\r\n\r\nx", 417],
    [
      "an upgrade with a body",
      "POST /a",
      "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhello",
      200,
    ],
    ["a head that does not end", "GET /a", "X-A: 1\r\n", 408],
    ["a body that does not come", "POST /a", "Content-Length: 5\r\n\r\nhe", 408],
  ])("%s", async (_, first, rest, status) => {
    const before = upstream.seen.length;
    const answer = await sendRaw(stack.url, `${first} HTTP/1.1\r\nHost: ${host}\r\n${rest}`);
    expect(answer.status).toBe(status);
    expect(upstream.seen.length - before).toBe(status === 200 ? 1 : 0);
    expect(upstream.seen.filter(({ target }) => target.includes("smuggled"))).toEqual([]);
  });

  it.each([
    ["CONNECT", `CONNECT coordinator:443 HTTP/1.1\r\nHost: coordinator:443\r\n\r\n`, 501],
    ["a foreign Host", `GET /a HTTP/1.1\r\nHost: evil.example\r\n\r\n`, 403],
    [
      "a foreign Host on an upgrade",
      `GET /a HTTP/1.1\r\nHost: evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      403,
    ],
    ["HTTP/2's preface", `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`, 400],
    ["TLS", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003", 400],
  ])("%s", async (_, request, status) => {
    const before = upstream.seen.length;
    expect((await sendRaw(stack.url, request)).status).toBe(status);
    expect(upstream.seen.length).toBe(before);
  });

  it("an upload may take longer than a small body may", async () => {
    const answer = await sendRaw(
      stack.url,
      `POST /slow HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n`,
      {
        keepSending(socket) {
          let left = 12;
          const timer = setInterval(() => {
            if (left-- > 0) return void socket.write("1\r\nx\r\n");
            clearInterval(timer);
            socket.write("0\r\n\r\n");
          }, 100);
        },
      },
    );
    expect(answer.status).toBe(200);
    expect(upstream.seen.at(-1)).toMatchObject({ target: "/slow", length: 13 });
  });

  it("two requests in one packet are two, in their order", async () => {
    const one = (n: number): string => `GET /pipelined/${n} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    const answer = await sendRaw(stack.url, one(1) + one(2));
    expect(JSON.parse(answer.body.toString())).toMatchObject({ target: "/pipelined/1" });
    await expect.poll(() => upstream.seen.at(-1)?.target).toBe("/pipelined/2");
  });
});

describe("an upstream that misbehaves", () => {
  const head = (more: string): string => `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n${more}\r\n`;
  const answers = new Map<string, (socket: Socket) => void>([
    ["/less", (socket) => socket.end(`${head("Content-Length: 10\r\n")}12345`)],
    ["/more", (socket) => socket.end(`${head("Content-Length: 3\r\n")}12345HTTP/1.1 200 OK\r\n\r\n`)],
    [
      "/reset",
      (socket) =>
        socket.write(`${head("Transfer-Encoding: chunked\r\n")}5\r\n12345\r\n`, () =>
          socket.resetAndDestroy(),
        ),
    ],
    ["/cut", (socket) => socket.end(`${head("Transfer-Encoding: chunked\r\n")}5\r\n12345\r\n`)],
    ["/cut-in-chunk", (socket) => socket.end(`${head("Transfer-Encoding: chunked\r\n")}5\r\n12`)],
    [
      "/bad-chunk",
      (socket) => socket.end(`${head("Transfer-Encoding: chunked\r\n")}zz\r\n12345\r\n0\r\n\r\n`),
    ],
    [
      "/both",
      (socket) => socket.end(`${head("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")}0\r\n\r\n`),
    ],
    ["/nothing", (socket) => socket.destroy()],
    ["/garbage", (socket) => socket.end("SSH-2.0-OpenSSH\r\n")],
    ["/half-head", (socket) => socket.end("HTTP/1.1 200 OK\r\nX-A: 1\r\n")],
    ["/head-bomb", (socket) => socket.end(head(`X-A: ${"x".repeat(100_000)}\r\n`))],
    [
      "/unasked-upgrade",
      (socket) =>
        socket.end("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nraw"),
    ],
    ["/odd-reason", (socket) => socket.end("HTTP/1.1 299 caf\u00e9 \u00ff?\r\nContent-Length: 2\r\n\r\nok")],
    [
      "/hints",
      (socket) =>
        socket.end(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${head("Content-Length: 2\r\n")}ok`),
    ],
    ["/split", (socket) => socket.end(head("X-A: 1\rX-B: 2\r\nContent-Length: 2\r\n") + "ok")],
    [
      "/early",
      (socket) => socket.end(`HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno`),
    ],
    ["/status-999", (socket) => socket.end("HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok")],
    [
      "/redirect",
      (socket) => socket.end(`HTTP/1.1 302 Found\r\nLocation: ${elsewhere}\r\nContent-Length: 0\r\n\r\n`),
    ],
  ]);
  let received = "";
  let elsewhere = "";
  let visits = 0;
  const server = createServer((socket) => {
    let head = "";
    let answered = false;
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      head += chunk.toString("latin1");
      if (answered || !head.includes("\r\n\r\n")) return;
      answered = true;
      received = head;
      const path = head.split(" ", 2)[1] ?? "";
      if (path === "/health") return void socket.end(`${head200}{"status":"healthy"}`);
      answers.get(path)?.(socket);
    });
  });
  const head200 =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 20\r\n\r\n";
  const other = createServer((socket) => {
    visits++;
    socket.destroy();
  });
  let stack: Stack;

  beforeAll(async () => {
    await Promise.all(
      [server, other].map((one) => new Promise<void>((resolve) => one.listen(0, "127.0.0.1", resolve))),
    );
    elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}/steal`;
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    stack = await startStack(url, { env: { AGENT_ORCHESTRATOR_API_KEY: "relay-only" } });
  });

  afterAll(async () => {
    await stack?.[Symbol.asyncDispose]();
    server.close();
    other.close();
  });

  const ask = (path: string): ReturnType<typeof sendRaw> =>
    sendRaw(stack.url, `GET ${path} HTTP/1.1\r\nHost: ${new URL(stack.url).host}\r\n\r\n`);

  it.each(["/less", "/reset", "/cut", "/cut-in-chunk", "/bad-chunk"])(
    "%s: a cut answer never looks whole",
    async (path) => {
      const answer = await ask(path).catch(() => undefined); // broken off before its head, which is as clear
      expect(answer?.whole === true && answer.status < 500).toBe(false);
    },
  );

  it.each(["/nothing", "/garbage", "/half-head", "/head-bomb", "/unasked-upgrade", "/both", "/split"])(
    "%s: 502",
    async (path) => {
      const answer = await ask(path);
      expect(answer).toMatchObject({ status: 502, whole: true });
      expect(JSON.parse(answer.body.toString())).toMatchObject({
        code: expect.stringMatching(/^coordinator_unreachable|tunnel_broken$/),
      });
    },
  );

  it("bytes beyond the announced length are cut off, and belong to no answer", async () => {
    expect(await ask("/more")).toMatchObject({ status: 200, whole: true, body: Buffer.from("123") });
    expect(await ask("/odd-reason")).toMatchObject({ status: 299, body: Buffer.from("ok") });
  });

  it("odd but whole answers pass", async () => {
    expect(await ask("/hints")).toMatchObject({ status: 200, body: Buffer.from("ok") });
    expect(await ask("/status-999")).toMatchObject({ status: 999, reason: "Odd", body: Buffer.from("ok") });
  });

  it("an answer that comes before the body is whole is handed on, and the connection is used again", async () => {
    const { host } = new URL(stack.url);
    const answer = await sendRaw(
      stack.url,
      `POST /early HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 9000000\r\n\r\n`,
      {
        keepSending: (socket) => void socket.write(Buffer.alloc(3_000_000)),
      },
    );
    expect(answer.status === 413 || answer.status === 502).toBe(true);
    expect(await ask("/odd-reason")).toMatchObject({ status: 299 });
  });

  it("CRED-1: a redirect to another origin is passed back and not followed", async () => {
    const answer = await ask("/redirect");
    expect(answer.status).toBe(302);
    expect(answer.headers).toContainEqual(["Location", elsewhere]);
    expect(received).toContain(`authorization: ${PASS}`);
    expect(visits).toBe(0);
    expect(JSON.stringify(answer)).not.toContain("relay-only");
  });
});
