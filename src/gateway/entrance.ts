import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "../shared/base/clock.ts";
import { codedError } from "../shared/base/errors.ts";
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

/** Requests that are kept until there is something behind the entrance: each of the most connections has one. */
const MOST_KEPT = 1280;

export type EntranceOptions = {
  /** Undefined: the kept one, else a free one. 0: a free one, not kept. */
  port: number | undefined;
  listen: string;
  /** Path of a Unix socket to serve on as well. */
  socket?: string | undefined;
  /** What the port asks for. The socket asks for nothing: only its user can open it. */
  inboundToken: string | undefined;
};

/** What serves at one of the two. */
export type Served = { request: Handler; upgrade: UpgradeHandler };

/** Port and Unix socket of a gateway. */
export type Entrance = {
  /** Takes them, once. Throws `port_taken`, `listen_refused` or `socket_unusable`. */
  listen(): Promise<void>;
  /** Set after {@link listen}. */
  url(): string;
  /** From now on requests are served; those that came before as well. `onDropped`: a connection that found no place. */
  open(served: { port: Served; socket: Served; onDropped: () => void }): void;
  /** Takes no more connections and ends idle ones; resolves when the last request is answered. */
  close(): Promise<void>;
  /** Ends whatever is left. */
  destroy(): void;
};

/**
 * Takes the port before there is anything behind it: a gateway that starts has a broker to find first, and in that time a runner would be
 * refused. So its requests wait instead, unread, and are served or break off with the process.
 */
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
      came[1].on("error", () => undefined); // a client that leaves meanwhile
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

  // each with its own share of connections: a flood at the port takes no place at the socket
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
    const before = options.port === undefined ? keptPort.read() : undefined;
    const taken = await port.server.listen(options.listen, options.port ?? before ?? 0);
    if (options.port === undefined && before === undefined) keptPort.keep(taken);
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

/** A client that left in the meantime has closed its response already: nobody would hear of it again. */
function serveIfThere(
  handler: Handler,
  request: IncomingMessage,
  response: ServerResponse,
  start: () => void,
): void {
  if (!response.destroyed && !request.destroyed) handler(request, response, start);
}
