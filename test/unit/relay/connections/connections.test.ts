import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import type { Pool } from "undici";
import { expect, test } from "vitest";
import { ClosedInUse, openConnections } from "../../../../src/relay/connections/index.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** A server of raw bytes that answers the nth request of each connection by `answer`, and connections to it. */
async function facing(
  answer: (socket: Socket, request: number) => void,
  kept = true,
): Promise<{ pool: Pool; connections: () => number; [Symbol.asyncDispose](): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let requests = 0;
    socket.on("error", () => {});
    socket.on("data", () => answer(socket, requests++));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const pool = openConnections(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    connections: 1,
    headersTimeout: 1000,
    kept,
  });
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

test("a head of 60 KiB is read", async () => {
  const cookies = Array.from({ length: 15 }, (_, i) => `Set-Cookie: c${i}=${"x".repeat(4000)}\r\n`).join("");
  await using server = await facing((socket) =>
    socket.write(`HTTP/1.1 200 OK\r\n${cookies}Content-Length: 2\r\n\r\nok`),
  );
  expect(await get(server.pool)).toBe("200 ok");
});

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
  await using server = await facing((socket) => socket.write(OK), false);
  for (let i = 0; i < 3; i++) expect(await get(server.pool)).toBe("200 ok");
  expect(server.connections()).toBe(3);
});

test("a connection that is refused is an ordinary failure", async () => {
  const pool = openConnections("http://127.0.0.1:1", { connections: 1, kept: true });
  await expect(get(pool)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  await pool.destroy();
});
