import { Duplex } from "node:stream";
import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { beginning, versionOf } from "../../../../src/sessions/http/beginning.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

test.each([
  ["", undefined],
  ["P", undefined],
  ["PR", undefined],
  ["PRI", "http/2"],
  ["PRI * HTTP/2.0", "http/2"],
  ["PROPFIND", "http/1"],
  ["G", "http/1"],
  ["POST / HTTP/1.1", "http/1"],
])("%j begins %s", (text, version) => {
  expect(versionOf(Buffer.from(text))).toBe(version);
});

function ends(): { socket: Socket; client: Duplex } {
  const client = new Duplex({
    read: () => undefined,
    write: (chunk, _, done) => (socket.push(chunk), done()),
    final: (done) => (socket.push(null), done()),
  });
  const socket: Duplex = new Duplex({
    read: () => undefined,
    write: (_chunk, _, done) => done(),
    allowHalfOpen: true,
  });
  return { socket: socket as Socket, client };
}

test("what was read is there for who reads on, also when it came in pieces", async () => {
  const clock = createFakeClock();
  const { socket, client } = ends();
  const { promise, resolve } = Promise.withResolvers<string>();
  beginning(socket, { clock, limitMs: 10 }, resolve);
  for (const piece of ["P", "R", "I * "]) client.write(piece);
  expect(await promise).toBe("http/2");
  expect(String(socket.read())).toBe("PRI * ");
  clock.jump(100);
  expect(socket.destroyed).toBe(false);
});

test("a client that closes before it says anything is nothing", async () => {
  const { socket, client } = ends();
  const { promise, resolve } = Promise.withResolvers<string>();
  beginning(socket, { clock: createFakeClock(), limitMs: 10 }, resolve);
  client.end();
  expect(await promise).toBe("nothing");
});

test("a client that says nothing is cut off", async () => {
  const clock = createFakeClock();
  const { socket } = ends();
  const { promise, resolve } = Promise.withResolvers<string>();
  beginning(socket, { clock, limitMs: 10 }, resolve);
  clock.jump(10);
  expect(await promise).toBe("nothing");
  expect(socket.destroyed).toBe(true);
});
