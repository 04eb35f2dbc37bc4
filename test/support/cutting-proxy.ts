import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A TCP proxy on loopback that breaks connections in the middle of what they carry. */
export type CuttingProxy = {
  url: string;
  /** How many connections it has broken. */
  cuts(): number;
  /** Breaks no more. */
  calm(): void;
  [Symbol.asyncDispose](): Promise<void>;
};

/**
 * Passes connections on to `target`. Each carries a number of bytes that nobody can foresee, `meanBytes` in the mean, and is broken then: half of them with a reset, the others with an
 * end behind the last byte. `random` is from 0 to below 1.
 */
export async function startCuttingProxy(
  target: string,
  { random, meanBytes, most }: { random: () => number; meanBytes: number; most: number },
): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let cuts = 0;
  let calm = false;

  function join(near: Socket): void {
    const far = connect(Number(port), hostname);
    let left = Math.ceil(-meanBytes * Math.log(1 - random()));
    const hard = random() < 0.5;
    const over = (): void => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", over);
      socket.on("close", () => {
        sockets.delete(socket);
        over();
      });
    }

    function cut(last: Buffer, to: Socket): void {
      cuts++;
      // a reset would overtake what was written
      to.write(last, () => {
        if (hard) near.resetAndDestroy();
        else near.destroySoon();
        far.destroy();
      });
    }

    const pass = (from: Socket, to: Socket): void => {
      from.on("data", (chunk: Buffer) => {
        if (left <= 0) return;
        const breaks = chunk.length >= left && !calm && cuts < most;
        if (breaks) {
          const last = chunk.subarray(0, left);
          left = 0;
          return cut(last, to);
        }
        left = Math.max(1, left - chunk.length);
        if (to.write(chunk)) return;
        from.pause();
        to.once("drain", () => from.resume());
      });
      from.on("end", () => to.end());
    };
    pass(near, far);
    pass(far, near);
  }

  const server = createServer({ allowHalfOpen: true }, join);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cuts: () => cuts,
    calm: () => (calm = true),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}
