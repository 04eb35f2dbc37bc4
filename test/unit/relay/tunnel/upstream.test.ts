import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { expect, test } from "vitest";
import { collect, type Collected } from "../../../../src/relay/tunnel/collect.ts";
import { createUpstream, type UpstreamRequest } from "../../../../src/relay/tunnel/upstream.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** A server of raw bytes that answers the nth request of each connection by `answer`, and how it is asked. */
async function facing(answer: (socket: Socket, request: number) => void): Promise<{
  /** Resolves when the connection may be used again. */
  ask(request?: Partial<UpstreamRequest>): Promise<Collected>;
  requests(): number;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const sockets = new Set<Socket>();
  let all = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    let requests = 0;
    socket.on("error", () => {});
    socket.on("data", () => {
      all++;
      answer(socket, requests++);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const upstream = createUpstream(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const plain = { method: "GET", target: "/", headers: [], headLimitMs: 2000, body: undefined };
  return {
    async ask(request) {
      const result = await collect(upstream, { ...plain, ...request }).result;
      for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => void setImmediate(resolve));
      return result;
    },
    requests: () => all,
    async [Symbol.asyncDispose]() {
      await upstream.close();
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** Answers the first request of each connection, and ends it at the second. */
const endsAtSecond = (socket: Socket, n: number): void => void (n === 0 ? socket.write(OK) : socket.end());

test.each(["GET", "HEAD", "OPTIONS"])(
  "%s that met a closing connection is asked again on a fresh one",
  async (method) => {
    await using server = await facing(endsAtSecond);
    expect(await server.ask()).toMatchObject({ kind: "answer", status: 200 });
    expect(await server.ask({ method })).toMatchObject({ kind: "answer", status: 200 });
    expect(server.requests()).toBe(3);
  },
);

test.each(["POST", "PUT", "DELETE", "PATCH"])("%s is not: it may have been carried out", async (method) => {
  await using server = await facing(endsAtSecond);
  await server.ask();
  expect(await server.ask({ method })).toMatchObject({ kind: "failed", code: "coordinator_unreachable" });
  expect(server.requests()).toBe(2);
});

test("it is asked once more, and no more", async () => {
  let first = true;
  await using server = await facing((socket) => {
    if (first) socket.write(OK);
    else socket.end();
    first = false;
  });
  await server.ask();
  expect(await server.ask()).toMatchObject({ kind: "failed", code: "coordinator_unreachable" });
  expect(server.requests()).toBe(3);
});

test.each<[string, Partial<UpstreamRequest>]>([
  ["a request", {}],
  ["OPTIONS *", { method: "OPTIONS", target: "*" }],
  ["a handshake", { upgrade: "websocket" }],
])("informational answers and single bytes do not put off the time limit of %s", async (_, request) => {
  await using server = await facing((socket) => {
    let sent = 0;
    const timer = setInterval(() => {
      socket.write(
        sent++ < 5 ? "HTTP/1.1 102 Processing\r\n\r\n" : sent === 6 ? "HTTP/1.1 200 OK\r\nX: " : "x",
      );
    }, 50);
    socket.on("close", () => clearInterval(timer));
  });
  expect(await server.ask({ ...request, headLimitMs: 1000 })).toMatchObject({
    kind: "failed",
    code: "coordinator_timeout",
  });
});
