import { isIP, SocketAddress, type AddressInfo } from "node:net";
import { Server as TlsServer } from "node:tls";
import type { FastifyInstance, FastifyListenOptions } from "fastify";
import { codedError, errorText } from "../../base/errors.ts";

/** Where a port of ours is opened. */
export type OwnPort = {
  /** What it is for, in errors: "the relay's admin". */
  name: string;
  /** The flag that chooses another port. */
  flag: string;
  /** Address to listen on. */
  listen: string;
  /** Undefined: the usual one if it is free, otherwise any. 0: any free one. */
  port: number | undefined;
  /** The one that our last run had, because people and programs have its address. It is tried first, unless another was chosen. */
  kept: number | undefined;
  usual: number;
  /** Descriptor of a socket that another process keeps open: clients wait in its queue while this process starts again. */
  handed?: number | undefined;
};

/** Addresses that stand for all of a machine, and the one under which the machine reaches itself. */
const EVERYWHERE: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** Opens the port and returns its URL, as this machine reaches it. Throws `port_taken`, or `listen_refused` for an address that is not this machine's. */
export async function openOwnPort(app: FastifyInstance, wanted: OwnPort): Promise<string> {
  const { listen, handed } = wanted;
  if (handed === undefined || !(await listenAtHanded(app, wanted, handed)))
    try {
      await listenAtOneOf(app, listen, candidates(wanted));
    } catch (cause) {
      throw portRefusal(wanted, cause);
    }
  const host = EVERYWHERE[listen] ?? listen;
  const taken = (app.server.address() as AddressInfo).port;
  const scheme = app.server instanceof TlsServer ? "https" : "http";
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${taken}`;
}

/**
 * Listens at a socket that was handed over. False if another program listens at its address: two may have bound the same one before either listened. Throws `listen_refused` for what is
 * no socket, and for one at an address that was not chosen: nobody would have checked that the server may be reached there.
 */
async function listenAtHanded(app: FastifyInstance, wanted: OwnPort, fd: number): Promise<boolean> {
  const { name, listen } = wanted;
  try {
    const options: FastifyListenOptions & { fd: number } = { fd, host: listen };
    await app.listen(options);
  } catch (cause) {
    if (codeOf(cause) === "EADDRINUSE") return false;
    throw codedError("listen_refused", `the socket that was handed over: ${errorText(cause)}`, { cause });
  }
  const address = app.server.address();
  const at = typeof address === "string" || address === null ? "no address of IP" : address.address;
  if (at === plainAddress(listen)) return true;
  throw codedError(
    "listen_refused",
    `the socket that was handed over is at ${at}, and ${name} port is to be at ${listen}`,
  );
}

/** An address in the spelling of the system. Pure. */
function plainAddress(address: string): string {
  const family = isIP(address);
  if (family === 0) return address;
  return new SocketAddress({ address, family: family === 6 ? "ipv6" : "ipv4" }).address;
}

/** The ports to try, in order. Nobody looks before whether one is free, because another program could take it between the look and its use. Pure. */
export function candidates({ port, kept, usual }: Pick<OwnPort, "port" | "kept" | "usual">): number[] {
  if (port !== undefined && port !== 0) return [port];
  const first = kept === undefined ? [] : [kept];
  return port === 0 ? [...first, 0] : [...new Set([...first, usual, 0])];
}

/** Listens at the first of the ports that is free. */
async function listenAtOneOf(app: FastifyInstance, host: string, ports: readonly number[]): Promise<void> {
  const [port = 0, ...others] = ports;
  try {
    await app.listen({ host, port });
  } catch (error) {
    if (others.length === 0 || codeOf(error) !== "EADDRINUSE") throw error;
    await listenAtOneOf(app, host, others);
  }
}

/** Why a port cannot be opened. Pure. */
export function portRefusal({ name, flag, listen, port }: OwnPort, cause: unknown): Error {
  const code = codeOf(cause);
  if (code === "EADDRINUSE")
    return codedError(
      "port_taken",
      `${name} port ${port} is used by another program; stop it, or choose another port with ${flag}`,
      { cause },
    );
  if (code === "EACCES")
    return codedError(
      "port_taken",
      `this user may not open ${name} port ${port}; choose one above 1023 with ${flag}`,
      { cause },
    );
  return codedError("listen_refused", `${name} port cannot be opened at ${listen}: ${errorText(cause)}`, {
    cause,
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
