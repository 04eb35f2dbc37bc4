import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A network between a process and a server that can stall: what was sent then arrives late, but it arrives. */
export type StallingProxy = {
  /** Where the process connects, host and port. */
  address: string;
  stall(): void;
  go(): void;
  [Symbol.asyncDispose](): Promise<void>;
};

export async function startStallingProxy(to: { host: string; port: number }): Promise<StallingProxy> {
  const sockets = new Set<Socket>();
  let stalled = false;

  function join(from: Socket, other: Socket): void {
    sockets.add(from);
    from.on("data", (chunk) => void other.write(chunk));
    from.on("error", () => undefined);
    from.on("close", () => {
      sockets.delete(from);
      other.destroy();
    });
    if (stalled) from.pause();
  }

  const server = createServer((client) => {
    const upstream = connect(to);
    join(client, upstream);
    join(upstream, client);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    stall() {
      stalled = true;
      for (const socket of sockets) socket.pause();
    },
    go() {
      stalled = false;
      for (const socket of sockets) socket.resume();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
