import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { createServer as createTlsServer, getCACertificates, setDefaultCACertificates } from "node:tls";
import type { Pool } from "undici";
import { expect, test } from "vitest";
import {
  ClosedInUse,
  MAX_HEAD_BYTES,
  openConnections,
} from "../../../../../src/relay/coordinator/connections/index.ts";
import { selfSigned } from "../../../../support/certificate.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** A server of raw bytes that answers the nth request of each connection by `answer`, and connections to it. */
async function facing(
  answer: (socket: Socket, request: number) => void,
  { kept = true, tls = false } = {},
): Promise<{ pool: Pool; connections: () => number; [Symbol.asyncDispose](): Promise<void> }> {
  const sockets = new Set<Socket>();
  const serve = (socket: Socket): void => {
    sockets.add(socket);
    let requests = 0;
    socket.on("error", () => {});
    socket.on("data", () => answer(socket, requests++));
  };
  const server = (tls ? createTlsServer(trusted(), serve) : createServer(serve)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const pool = openConnections(
    `${tls ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    {
      connections: 1,
      headersTimeout: 1000,
      kept,
    },
  );
  return {
    pool,
    connections: () => sockets.size,
    async [Symbol.asyncDispose]() {
      await pool.destroy();
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

const { certificate: cert, key } = selfSigned();

/** The certificate, which this process trusts from now on. */
function trusted(): { cert: string; key: string } {
  setDefaultCACertificates([...getCACertificates("default"), cert]);
  return { cert, key };
}

async function get(pool: Pool): Promise<string> {
  const { statusCode, body } = await pool.request({ method: "GET", path: "/" });
  return `${statusCode} ${await body.text()}`;
}

test.each(["100 Continue", "102 Processing", "103 Early Hints", "199 Odd"])(
  "%s that nobody asked for, once or often, is not the answer",
  async (status) => {
    const interim = `HTTP/1.1 ${status}\r\nX: y\r\n\r\n`;
    await using facing1 = await facing((socket, n) => socket.write(interim.repeat(n + 1) + OK));
    for (let i = 0; i < 3; i++) expect(await get(facing1.pool)).toBe("200 ok");
    expect(facing1.connections()).toBe(1);
  },
);

test("before an error too", async () => {
  const answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
  await using server = await facing((socket) => socket.write(answer));
  expect(await get(server.pool)).toBe("503 ");
});

test("informational answers without an end do not put off the time limit", async () => {
  await using server = await facing((socket) => {
    const timer = setInterval(() => socket.write("HTTP/1.1 102 Processing\r\n\r\n"), 50);
    socket.on("close", () => clearInterval(timer));
  });
  await expect(get(server.pool)).rejects.toMatchObject({ code: "UND_ERR_HEADERS_TIMEOUT" });
});

/** An answer whose head has about so many bytes of cookies, as some ingresses send them. */
function withCookies(bytes: number): string {
  const cookie = `Set-Cookie: c=${"x".repeat(1000)}\r\n`;
  const whole = cookie.repeat(Math.floor(bytes / cookie.length));
  const rest = `X-Rest: ${"x".repeat(bytes - whole.length)}\r\n`;
  return `HTTP/1.1 200 OK\r\n${whole}${rest}Content-Length: 2\r\n\r\nok`;
}

/** In pieces of 1,000 bytes, a turn for each. */
async function trickle(socket: Socket, text: string): Promise<void> {
  for (let at = 0; at < text.length && !socket.destroyed; at += 1000) {
    socket.write(text.slice(at, at + 1000));
    await new Promise((resolve) => void setImmediate(resolve));
  }
}

test.each<[string, boolean, (socket: Socket, text: string) => unknown]>([
  ["plain", false, (socket, text) => socket.write(text)],
  ["plain, in pieces", false, trickle],
  ["TLS", true, (socket, text) => socket.write(text)],
  ["TLS, in pieces", true, trickle],
  [
    "TLS, behind an informational answer",
    true,
    (socket, text) => socket.write(`HTTP/1.1 103 Hints\r\n\r\n${text}`),
  ],
])(
  "over %s: a head just below 64 KiB is read, and a larger one fails by name and spoils nothing",
  async (_, tls, write) => {
    const sizes = [60 * 1024, MAX_HEAD_BYTES - 100, 20, MAX_HEAD_BYTES + 1000, 20, 4 * MAX_HEAD_BYTES, 20];
    let asked = 0;
    await using server = await facing((socket) => void write(socket, withCookies(sizes[asked++] ?? 20)), {
      tls,
    });
    const came: string[] = [];
    for (let i = 0; i < sizes.length; i++)
      came.push(await get(server.pool).catch((error: unknown) => String((error as { code?: unknown }).code)));
    const ok = "200 ok";
    const large = "UND_ERR_HEADERS_OVERFLOW";
    expect(came).toEqual([ok, ok, ok, large, ok, large, ok]);
  },
);

test.each<[string, (socket: Socket) => void]>([
  ["ended", (socket) => socket.end()],
  ["reset", (socket) => socket.resetAndDestroy()],
])("a connection that is %s as it is used again says so", async (_, close) => {
  await using server = await facing((socket, n) => (n === 0 ? socket.write(OK) : close(socket)));
  expect(await get(server.pool)).toBe("200 ok");
  await expect(get(server.pool)).rejects.toBeInstanceOf(ClosedInUse);
  expect(await get(server.pool)).toBe("200 ok");
});

test.each<[string, (socket: Socket, n: number) => void]>([
  ["a fresh connection that is closed", (socket) => socket.end()],
  ["an answer that breaks off", (socket, n) => (n === 0 ? socket.write(OK) : socket.end("HTTP/1.1 200"))],
  [
    "an informational answer and the end",
    (socket, n) => (n === 0 ? socket.write(OK) : socket.end("HTTP/1.1 100 Continue\r\n\r\n")),
  ],
])("%s is an ordinary failure", async (_, answer) => {
  await using server = await facing(answer);
  await get(server.pool).catch(() => {});
  const error: unknown = await get(server.pool).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Error);
  expect(error).not.toBeInstanceOf(ClosedInUse);
});

test("a connection that is not kept carries one request", async () => {
  await using server = await facing((socket) => socket.write(OK), { kept: false });
  for (let i = 0; i < 3; i++) expect(await get(server.pool)).toBe("200 ok");
  expect(server.connections()).toBe(3);
});

test("a connection that is refused is an ordinary failure", async () => {
  const pool = openConnections("http://127.0.0.1:1", { connections: 1, kept: true });
  await expect(get(pool)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  await pool.destroy();
});
