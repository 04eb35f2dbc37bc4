import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** How a link is: what it does with connections and bytes. */
export type LinkState =
  | { kind: "open" }
  /** No connection lives, and none is made. */
  | { kind: "cut" }
  /** Bytes wait. */
  | { kind: "stalled" }
  /** Bytes arrive this much later, in their order. */
  | { kind: "slow"; ms: number }
  /** Of what arrives, each has this chance to be late by so much, once or several times over, and all behind it waits: what programs notice of packets that are lost. */
  | { kind: "lossy"; chance: number; ms: number };

/** A network between two programs, on a port of its own, that can be disturbed. */
export type Link = {
  name: string;
  /** Where programs connect: `host:port`. */
  address: string;
  set(this: void, state: LinkState): void;
  [Symbol.asyncDispose](): Promise<void>;
};

const OPEN: LinkState = { kind: "open" };

export async function startLink(
  name: string,
  to: { host: string; port: number },
  random: () => number = Math.random,
): Promise<Link> {
  const sockets = new Set<Socket>();
  let state = OPEN;

  /** Passes on what one side says, and its end. */
  function pass(from: Socket, other: Socket): void {
    let last = Promise.resolve();
    const inTurn = (act: () => void): void => {
      const due = performance.now() + latenessIn(state, random);
      last = last.then(async () => {
        const rest = due - performance.now();
        if (rest > 0) await delay(rest);
        act();
      });
    };
    sockets.add(from);
    from.on("data", (chunk) => inTurn(() => void other.write(chunk)));
    from.on("error", () => undefined);
    from.on("close", () => {
      sockets.delete(from);
      inTurn(() => other.destroy());
    });
    if (state.kind === "stalled") from.pause();
  }

  const server = createServer({ noDelay: true }, (client) => {
    if (state.kind === "cut") return void client.resetAndDestroy();
    const upstream = connect({ ...to, noDelay: true });
    pass(client, upstream);
    pass(upstream, client);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    name,
    address: `127.0.0.1:${port}`,
    set(next) {
      state = next;
      for (const socket of sockets) {
        if (state.kind === "cut") socket.resetAndDestroy();
        else if (state.kind === "stalled") socket.pause();
        else socket.resume();
      }
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** How late something arrives. A packet that was lost is sent again after a while, and after twice that when it is lost again. */
function latenessIn(state: LinkState, random: () => number): number {
  if (state.kind === "slow") return state.ms;
  if (state.kind !== "lossy") return 0;
  let late = 0;
  for (let again = state.ms; random() < state.chance; again *= 2) late += again;
  return late;
}

/** Host and port of a URL or a `host:port`. */
export function endOf(address: string): { host: string; port: number } {
  const { hostname, port } = new URL(address.includes("://") ? address : `tcp://${address}`);
  return { host: hostname, port: Number(port) };
}
