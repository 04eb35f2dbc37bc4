import net, { isIP } from "node:net";
import { getSystemErrorName } from "node:util";
import { candidates, portRefusal, type OwnPort } from "../../shared/http/door/own-port.ts";

/** A socket that is bound to a port, for children that listen at it one after the other. */
export type OwnSocket = { fd: number; port: number; close(): void };

/** What Node's own `cluster` binds sockets with. It is not documented, and so everything that it gives is checked. */
type Handle = {
  fd?: number;
  getsockname?(out: { port?: number }): number;
  close?(): void;
};
type Bind = (address: string, port: number, family: 4 | 6, fd: -1, flags: 0) => Handle | number | undefined;

/**
 * Binds a socket and does not listen: a process that listens in Node also accepts. The first child listens at it, and from then on the system queues clients for as long as this process has it
 * open, whether or not a child runs. Undefined where that cannot be done. Throws `port_taken` and `listen_refused`.
 */
export function bindOwnSocket(wanted: OwnPort): OwnSocket | undefined {
  const family = isIP(wanted.listen);
  const { _createServerHandle: bind } = net as { _createServerHandle?: Bind };
  if (family === 0 || typeof bind !== "function") return undefined; // a name may stand for several addresses
  for (const port of candidates(wanted)) {
    const handle = handleOf(bind, wanted.listen, port, family === 6 ? 6 : 4);
    if (handle === undefined) return undefined;
    const socket = typeof handle === "number" ? getSystemErrorName(handle) : boundTo(handle, port);
    if (typeof socket !== "string") return socket;
    if (socket !== "EADDRINUSE") throw portRefusal(wanted, withCode(socket));
  }
  throw portRefusal(wanted, withCode("EADDRINUSE"));
}

/** What it gives; undefined if it is not what it was in the versions of Node that we know. */
function handleOf(bind: Bind, address: string, port: number, family: 4 | 6): Handle | number | undefined {
  try {
    return bind(address, port, family, -1, 0) ?? undefined;
  } catch {
    return undefined;
  }
}

/** The socket of a handle; undefined if it has no descriptor. An address in use shows only here. */
function boundTo(handle: Handle, wanted: number): OwnSocket | "EADDRINUSE" | undefined {
  const name: { port?: number } = {};
  const failed = handle.getsockname?.(name) ?? 0;
  const { fd } = handle;
  const { port } = name;
  if (fd !== undefined && fd >= 0 && port !== undefined && (wanted === 0 ? port > 0 : port === wanted))
    return { fd, port, close: () => handle.close?.() };
  handle.close?.();
  return failed === 0 ? undefined : "EADDRINUSE";
}

function withCode(code: string): Error {
  return Object.assign(new Error(code), { code });
}
