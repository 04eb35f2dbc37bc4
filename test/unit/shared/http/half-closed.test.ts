import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HALF_CLOSED_MS, serveHalfClosed } from "../../../../src/shared/http/half-closed.ts";
import { createFakeClock, type FakeClock } from "../../../support/fake-clock.ts";

let clock: FakeClock;
let server: ReturnType<typeof createServer>;
let asked: PromiseWithResolvers<ServerResponse>;
let client: Socket;
let got: string;

/** A client whose request is out and whose side is closed; the server knows both. */
beforeEach(async () => {
  clock = createFakeClock();
  asked = Promise.withResolvers();
  server = createServer((_request, response) => asked.resolve(response));
  serveHalfClosed(server, clock);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection") as Promise<[Socket]>;
  client = connect({ host: "127.0.0.1", port: (server.address() as AddressInfo).port, allowHalfOpen: true });
  got = "";
  client.on("data", (chunk: Buffer) => (got += chunk.toString()));
  client.on("error", () => undefined);
  client.end("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const [socket] = await accepted;
  if (!socket.readableEnded) await once(socket, "end");
  await asked.promise;
});

afterEach(() => {
  client.destroy();
  server.closeAllConnections();
  server.close();
});

test("a client that closed its side gets its answer whole, and the connection ends", async () => {
  const response = await asked.promise;
  await clock.pass(HALF_CLOSED_MS - 1);
  response.end("late");
  await once(client, "end");
  expect(got).toMatch(/^HTTP\/1.1 200 [^]*late$/);
});

test("one for which nothing comes is let go; every byte that comes gives it time again", async () => {
  const response = await asked.promise;
  const closed = once(response, "close");
  for (let i = 0; i < 3; i++) {
    await clock.pass(HALF_CLOSED_MS - 1);
    expect(response.destroyed).toBe(false);
    response.write(`part ${i}\n`);
    await expect.poll(() => got).toContain(`part ${i}`);
  }
  await clock.pass(2 * HALF_CLOSED_MS);
  await closed;
  expect(response.writableFinished).toBe(false);
});

test("one that is gone is noticed by the bytes that it refuses", async () => {
  const response = await asked.promise;
  client.destroy();
  await once(client, "close");
  await expect
    .poll(() => {
      response.write("more"); // the first is refused, and the next finds that out
      return response.destroyed;
    })
    .toBe(true);
});

test("one that closes its side in the middle of its answer is let go at once", async () => {
  const closed = Promise.withResolvers<void>();
  server.on("request", (_request, response) => {
    response.on("close", () => closed.resolve());
    response.write("the first of many");
  });
  const reader = connect({ host: "127.0.0.1", port: (server.address() as AddressInfo).port });
  reader.once("data", () => reader.end());
  reader.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await closed.promise;
  reader.destroy();
});
