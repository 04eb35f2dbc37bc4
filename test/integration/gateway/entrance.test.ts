import { once } from "node:events";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createEntrance, type Entrance, type EntranceOptions } from "../../../src/gateway/entrance.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { call } from "./harness.ts";

async function listening(options: Partial<EntranceOptions> = {}): Promise<Entrance & { seen: string[] }> {
  let kept: number | undefined;
  const entrance = createEntrance({
    options: { port: undefined, listen: "127.0.0.1", inboundToken: undefined, ...options },
    keptPort: { read: () => kept, keep: (port) => void (kept = port) },
    clock: systemClock,
  });
  await entrance.listen();
  onTestFinished(async () => {
    entrance.destroy();
    await entrance.close();
  });
  return { ...entrance, seen: [] };
}

function open(entrance: Entrance & { seen: string[] }): void {
  const served = {
    request: (...[request, response]: Parameters<Parameters<Entrance["open"]>[0]["port"]["request"]>) => {
      entrance.seen.push(`${request.method} ${request.url}`);
      response.end("served");
    },
    upgrade: (...[request, socket]: Parameters<Parameters<Entrance["open"]>[0]["port"]["upgrade"]>) => {
      entrance.seen.push(`upgrade ${request.url}`);
      socket.end("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
    },
  };
  entrance.open({ port: served, socket: served, onDropped: () => undefined });
}

/** A connection with this request on it. */
async function sent(entrance: Entrance, head: string) {
  const { port } = new URL(entrance.url());
  const socket = connect(Number(port), "127.0.0.1");
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.write(`${head}\r\nhost: 127.0.0.1\r\n`);
  return socket;
}

const UPGRADE = "connection: upgrade\r\nupgrade: websocket\r\n\r\n";

test("what comes before there is anything behind it waits, and is served in its order, bodies and upgrades included", async () => {
  const entrance = await listening();
  const first = call(entrance.url(), "POST", "/1", "x".repeat(200_000));
  const upgrading = await sent(entrance, "GET /2 HTTP/1.1");
  upgrading.write(UPGRADE);
  const answer = once(upgrading, "data") as Promise<[Buffer]>;
  const third = await sent(entrance, "GET /3 HTTP/1.1");
  third.write("\r\n");
  open(entrance);
  expect((await first).text).toBe("served");
  expect((await answer)[0].toString()).toContain("101");
  expect(((await once(third, "data")) as [Buffer])[0].toString()).toContain("served");
  expect((await call(entrance.url(), "GET", "/4")).text).toBe("served");
  expect(entrance.seen).toContain("POST /1");
  expect(entrance.seen.at(-1)).toBe("GET /4");
});

test("a client that left in the meantime is not served", async () => {
  const entrance = await listening();
  const gone = await sent(entrance, "GET /gone HTTP/1.1");
  gone.write("\r\n");
  const goneUpgrade = await sent(entrance, "GET /gone HTTP/1.1");
  goneUpgrade.write(UPGRADE);
  const kept = call(entrance.url(), "GET", "/kept");
  gone.resetAndDestroy();
  goneUpgrade.resetAndDestroy();
  // what is no HTTP is answered in any case: then the ends that were sent before it have been read
  const nonsense = await sent(entrance, "nonsense");
  await once(nonsense, "data");
  open(entrance);
  await kept;
  expect(entrance.seen).toEqual(["GET /kept"]);
});

test("no more are kept than there are connections: the others break off", async () => {
  const entrance = await listening();
  const many = await sent(entrance, "GET /first HTTP/1.1");
  many.write(`\r\n${"GET /next HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".repeat(3000)}`);
  await new Promise((closed) => many.once("close", closed)); // after a reset, which is an error
  open(entrance);
  expect((await call(entrance.url(), "GET", "/after")).text).toBe("served");
  expect(entrance.seen).toEqual(["GET /after"]);
});

test("an address that others reach is refused without a token, before it is taken", async () => {
  await expect(listening({ listen: "0.0.0.0", port: 0 })).rejects.toMatchObject({ code: "listen_refused" });
});
