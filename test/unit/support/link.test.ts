import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { endOf, startLink, type Link } from "../../support/link.ts";
import { eventually } from "../../support/eventually.ts";

/** A client and an echo with a link between them, and what came back. */
async function through(
  random?: () => number,
): Promise<{ link: Link; dial(): Promise<Socket>; heard(): string }> {
  let heard = "";
  const server = createServer((socket) => void socket.pipe(socket).on("error", () => undefined));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const to = { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
  const link = await startLink("l", to, random);
  const sockets: Socket[] = [];
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await link[Symbol.asyncDispose]();
    server.close();
    await once(server, "close");
  });
  return {
    link,
    async dial() {
      const socket = connect(endOf(link.address));
      sockets.push(socket);
      socket.on("error", () => undefined);
      socket.setEncoding("utf8").on("data", (text: string) => (heard += text));
      await once(socket, "connect");
      return socket;
    },
    heard: () => heard,
  };
}

const settled = (condition: () => boolean): Promise<void> => eventually(() => expect(condition()).toBe(true));

const closed = (socket: Socket): Promise<void> => new Promise((done) => socket.once("close", () => done()));

test("bytes pass, and wait while the link is stalled", async () => {
  const { link, dial, heard } = await through();
  const socket = await dial();
  socket.write("a");
  await settled(() => heard() === "a");
  link.set({ kind: "stalled" });
  socket.write("b");
  const other = await dial();
  other.write("c");
  link.set({ kind: "open" });
  await settled(() => heard().length === 3);
});

test("bytes of a slow link keep their order when it is well again", async () => {
  const { link, dial, heard } = await through();
  const socket = await dial();
  link.set({ kind: "slow", ms: 50 });
  socket.write("1");
  await settled(() => heard() === "1");
  socket.write("2");
  link.set({ kind: "open" });
  socket.write("3");
  await settled(() => heard() === "123");
});

test("what is lost on the way comes later, after twice the time when it is lost again, and nothing overtakes it", async () => {
  const chances = [0, 0, 1]; // lost, lost again, then not
  const { link, dial, heard } = await through(() => chances.shift() ?? 1);
  const socket = await dial();
  link.set({ kind: "lossy", chance: 0.5, ms: 40 });
  const from = performance.now();
  socket.write("1");
  await settled(() => chances.length === 0);
  socket.write("2");
  await settled(() => heard() === "12");
  expect(performance.now() - from).toBeGreaterThanOrEqual(40 + 80);
});

test("a cut link breaks what there is and takes nothing new", async () => {
  const { link, dial, heard } = await through();
  const socket = await dial();
  const gone = closed(socket);
  link.set({ kind: "cut" });
  await gone;
  const refused = connect(endOf(link.address)).on("error", () => undefined);
  await closed(refused);
  link.set({ kind: "open" });
  const socket2 = await dial();
  socket2.write("again");
  await settled(() => heard() === "again");
});

test("ends of URLs and of plain addresses", () => {
  expect(endOf("nats://127.0.0.1:4222")).toEqual({ host: "127.0.0.1", port: 4222 });
  expect(endOf("127.0.0.1:80")).toEqual({ host: "127.0.0.1", port: 80 });
});
