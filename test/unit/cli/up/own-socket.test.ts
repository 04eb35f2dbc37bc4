import { once } from "node:events";
import net, { connect, createServer, type AddressInfo, type Server } from "node:net";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { bindOwnSocket } from "../../../../src/cli/up/own-socket.ts";
import type { OwnPort } from "../../../../src/shared/http/door/own-port.ts";

const wanted = (more: Partial<OwnPort>): OwnPort => ({
  name: "a",
  flag: "--port",
  listen: "127.0.0.1",
  port: 0,
  kept: undefined,
  usual: 0,
  ...more,
});

async function listening(): Promise<number> {
  const server: Server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

test("a socket is bound, has a descriptor, and nobody listens at it yet", async () => {
  const socket = bindOwnSocket(wanted({}));
  expect(socket?.port).toBeGreaterThan(0);
  expect(socket?.fd).toBeGreaterThan(2);
  const client = connect(socket?.port ?? 0, "127.0.0.1");
  await expect(once(client, "connect")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  socket?.close();
});

test("the port of the last run is taken if it is free, else another one", async () => {
  const taken = await listening();
  const socket = bindOwnSocket(wanted({ kept: taken }));
  expect(socket?.port).not.toBe(taken);
  socket?.close();
});

test("a port that was asked for and is taken, and an address of another machine, are errors", async () => {
  const port = await listening();
  expect(() => bindOwnSocket(wanted({ port }))).toThrow(expect.objectContaining({ code: "port_taken" }));
  const elsewhere = wanted({ listen: "192.0.2.1" });
  expect(() => bindOwnSocket(elsewhere)).toThrow(expect.objectContaining({ code: "listen_refused" }));
});

test("for a name nothing is bound: it may stand for several addresses", () => {
  expect(bindOwnSocket(wanted({ listen: "localhost" }))).toBeUndefined();
});

describe("what Node does not document is not counted on: nothing is bound, and the server opens its port itself", () => {
  const inNode = net as { _createServerHandle?: unknown };
  const { _createServerHandle: original } = inNode;
  afterEach(() => void (inNode._createServerHandle = original));

  test.each<[string, unknown]>([
    ["it is gone", undefined],
    ["it takes other arguments", () => raise(new TypeError("an object is expected"))],
    ["it returns nothing", () => undefined],
    ["its handle has no descriptor", () => ({ getsockname: () => 0, close: () => undefined })],
    ["its handle does not tell the port", () => ({ fd: 7, close: () => undefined })],
  ])("%s", (_, instead) => {
    inNode._createServerHandle = instead;
    expect(bindOwnSocket(wanted({}))).toBeUndefined();
  });
});

function raise(error: Error): never {
  throw error;
}
