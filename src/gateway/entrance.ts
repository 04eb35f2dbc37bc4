import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "../shared/base/clock.ts";
import { USUAL_PORT } from "../shared/settings/index.ts";
import { codedError, isCoded } from "../shared/base/errors.ts";
import { isLoopback } from "../shared/http/guard.ts";
import type { KeptPort } from "./port.ts";
import {
  createHttpServer,
  type Handler,
  type HttpServer,
  type ServerTimes,
  type UpgradeHandler,
} from "../shared/http/server.ts";
import { openSocket } from "./socket.ts";

/** Most requests that wait until the gateway behind the entrance is ready: one for each possible connection. */
const MOST_KEPT = 1280;

export type EntranceOptions = {
  /** Undefined: the saved port, or else the usual one if it is free, or else any. 0: a free one, which is not saved. */
  port: number | undefined;
  listen: string;
  /** Path of an additional Unix socket. */
  socket?: string | undefined;
  /** The token that the port requires. The socket requires none, because only its user can open it. */
  inboundToken: string | undefined;
};

/** The handlers behind the port, or behind the socket. */
export type Served = { request: Handler; upgrade: UpgradeHandler };

/** Port and Unix socket of a gateway. */
export type Entrance = {
  /** Binds port and socket; call it once. Throws `port_taken`, `listen_refused` or `socket_unusable`. */
  listen(): Promise<void>;
  /** Set after {@link listen}. */
  url(): string;
  /** Serves requests from now on, including those that are waiting. `onDropped` is called for a connection that is closed for lack of room. */
  open(served: { port: Served; socket: Served; onDropped: () => void }): void;
  /** Accepts no more connections and ends idle ones. Resolves when the last request is answered. */
  close(): Promise<void>;
  /** Ends the remaining connections. */
  destroy(): void;
};

/**
 * Binds the port before the gateway behind it is ready. A gateway has to connect to the broker first, and a runner's connections would be refused
 * meanwhile. So requests wait, unread, until they are served or the process ends.
 */
// oxlint-disable-next-line max-lines-per-function -- each method is short; port and socket are bound, opened and closed together
export function createEntrance(deps: {
  options: EntranceOptions;
  keptPort: KeptPort;
  clock: Clock;
  times?: ServerTimes | undefined;
}): Entrance {
  const { options, keptPort, clock, times } = deps;
  const kept: (() => void)[] = [];
  let onDropped = (): void => undefined;

  function keep(socket: Duplex, serve: () => void): void {
    if (kept.length >= MOST_KEPT) return void socket.destroy();
    kept.push(serve);
  }

  function createSide(): { server: HttpServer; serve: (served: Served) => void } {
    let request: Handler = (...came) => keep(came[0].socket, () => serveIfThere(request, ...came));
    let upgrade: UpgradeHandler = (...came) => {
      came[1].on("error", () => undefined); // the client may disconnect meanwhile
      keep(came[1], () => {
        if (!came[1].destroyed) upgrade(...came);
      });
    };
    const server = createHttpServer(
      (...came) => request(...came),
      (...came) => upgrade(...came),
      { times, clock, onDropped: () => onDropped() },
    );
    return {
      server,
      serve(served) {
        ({ request, upgrade } = served);
      },
    };
  }

  // port and socket have separate limits, so that a flood at the port does not block the socket
  const port = createSide();
  const local = options.socket === undefined ? undefined : createSide();
  let leaveSocket = (): void => undefined;
  let url = "";
  let listening: Promise<void> | undefined;

  async function listen(): Promise<void> {
    if (!isLoopback(options.listen) && options.inboundToken === undefined) {
      throw codedError(
        "listen_refused",
        `${options.listen} is not loopback, and RUNNER_RELAY_INBOUND_TOKEN is not set`,
      );
    }
    const taken = await takePort(port.server, options, keptPort);
    const host = options.listen.includes(":") ? `[${options.listen}]` : options.listen;
    url = `http://${host}:${taken}`;
    if (local !== undefined && options.socket !== undefined)
      leaveSocket = await openSocket(options.socket, (path) => local.server.listenAt(path));
  }

  return {
    listen: () => (listening ??= listen()),
    url: () => url,
    open(served) {
      onDropped = served.onDropped;
      port.serve(served.port);
      local?.serve(served.socket);
      for (const serve of kept.splice(0)) serve();
    },
    async close() {
      leaveSocket();
      await Promise.all([port.server.close(), local?.server.close()]);
    },
    destroy() {
      port.server.destroy();
      local?.server.destroy();
    },
  };
}

/** Binds the port. At the first start without a chosen one, the port that was free is saved. Throws `port_taken` and `listen_refused`. */
async function takePort(
  server: HttpServer,
  { listen, port: chosen }: EntranceOptions,
  keptPort: KeptPort,
): Promise<number> {
  const wanted = chosen ?? keptPort.read();
  try {
    if (wanted !== undefined) return await server.listen(listen, wanted);
  } catch (cause) {
    if (!isCoded(cause, "port_taken")) throw cause;
    const remedy = /EACCES/.test(cause.message)
      ? `this user may not open the gateway's port ${wanted}; choose one above 1023 with --port (RUNNER_RELAY_PORT)`
      : `the gateway's port ${wanted} is used by another program; stop it, or choose another port with --port (RUNNER_RELAY_PORT)`;
    throw codedError("port_taken", remedy, { cause });
  }
  const taken = await server.listen(listen, USUAL_PORT.gateway).catch((error: unknown) => {
    if (isCoded(error, "port_taken")) return server.listen(listen, 0);
    throw error;
  });
  keptPort.keep(taken);
  return taken;
}

/** Serves a request that has waited, if its client is still connected. A response that is already closed would never emit `close` again. */
function serveIfThere(
  handler: Handler,
  request: IncomingMessage,
  response: ServerResponse,
  start: () => void,
): void {
  if (!response.destroyed && !request.destroyed) handler(request, response, start);
}
