import type { AddressInfo } from "node:net";
import { Server as TlsServer } from "node:tls";
import type { FastifyInstance } from "fastify";
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
};

/** Addresses that stand for all of a machine, and the one under which the machine reaches itself. */
const EVERYWHERE: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** Opens the port and returns its URL, as this machine reaches it. Throws `port_taken`, or `listen_refused` for an address that is not this machine's. */
export async function openOwnPort(app: FastifyInstance, wanted: OwnPort): Promise<string> {
  const { listen } = wanted;
  try {
    await listenAtOneOf(app, listen, candidates(wanted));
  } catch (cause) {
    throw refusal(wanted, cause);
  }
  const host = EVERYWHERE[listen] ?? listen;
  const taken = (app.server.address() as AddressInfo).port;
  const scheme = app.server instanceof TlsServer ? "https" : "http";
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${taken}`;
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

function refusal({ name, flag, listen, port }: OwnPort, cause: unknown): Error {
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
