import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** How a network between two machines is cut: `refused` breaks what is there and what comes, `silent` lets nothing through and says nothing. */
export type Cut = "refused" | "silent";

/** A network between two machines, as a TCP proxy on loopback, that can be cut. */
export type Link = {
  port: number;
  cut(how: Cut): void;
  mend(): void;
  [Symbol.asyncDispose](): Promise<void>;
};

export async function startLink(to: { host: string; port: number }): Promise<Link> {
  const sockets = new Set<Socket>();
  let cut: Cut | undefined;

  function join(from: Socket, other: Socket): void {
    sockets.add(from);
    from.on("data", (chunk) => {
      if (other.write(chunk)) return;
      from.pause();
      other.once("drain", () => {
        if (cut === undefined) from.resume();
      });
    });
    from.on("error", () => undefined);
    from.on("close", () => {
      sockets.delete(from);
      other.destroy();
    });
    if (cut === "silent") from.pause();
  }

  const server = createServer((client) => {
    if (cut === "refused") return void client.resetAndDestroy();
    const upstream = connect(to);
    join(client, upstream);
    join(upstream, client);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    cut(how) {
      cut = how;
      for (const socket of sockets) {
        if (how === "silent") socket.pause();
        else socket.resetAndDestroy();
      }
    },
    mend() {
      // a connection that was silent for long is gone on both sides: nothing that it still holds may arrive late
      if (cut === "silent") for (const socket of sockets) socket.resume();
      cut = undefined;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}
