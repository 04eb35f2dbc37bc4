import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../base/clock.ts";

/**
 * Most concurrent connections. An idle one costs 11 KB, one with half a head 16 KiB more, so together at most 35 MB. More agents on one machine share
 * them, because each needs a connection only during a request.
 */
export const MAX_CONNECTIONS = 1024;
/** How many more are accepted while no connection can be closed: a quarter. */
const SPARE_CONNECTIONS: number = MAX_CONNECTIONS / 4;
/** An incomplete request without progress for this long has to give way when connections are scarce. */
const SILENT_MS = 100;

type Connection = {
  request: IncomingMessage | undefined;
  /** Its last request. */
  response: ServerResponse | undefined;
  upgraded: boolean;
  /** How many bytes had been read at the last check, and since when. */
  seen: { bytes: number; at: number };
};

/**
 * Limits the number of connections of a server. A new connection replaces an unused one, the longest unused first, so that unused connections lock
 * nobody out. A connection is unused if it is idle, or if its request is incomplete and makes no progress. `onDropped` is called for a new connection
 * that is closed for lack of room.
 */
export function limitConnections(server: Server, clock: Clock, onDropped: () => void): void {
  /** The longest unused first. */
  const connections = new Map<Socket, Connection>();

  /** True if the connection is unused now. */
  function stands(socket: Socket, connection: Connection): boolean {
    const { request, response, upgraded, seen } = connection;
    if (upgraded) return false;
    if (response === undefined || response.writableFinished || response.destroyed) return true;
    if (request === undefined || request.complete || request.isPaused()) return false; // it waits for us, not for its client
    const now = clock.now();
    if (socket.bytesRead === seen.bytes) return now - seen.at >= SILENT_MS;
    connection.seen = { bytes: socket.bytesRead, at: now };
    return false;
  }

  function makeRoom(): void {
    for (const [socket, connection] of connections) {
      if (connections.size < MAX_CONNECTIONS) return;
      if (!stands(socket, connection)) continue;
      connections.delete(socket);
      socket.destroy();
    }
  }

  server.on("connection", (socket: Socket) => {
    if (connections.size >= MAX_CONNECTIONS) makeRoom();
    if (connections.size >= MAX_CONNECTIONS + SPARE_CONNECTIONS) {
      onDropped();
      return void socket.destroy();
    }
    const seen = { bytes: -1, at: 0 };
    connections.set(socket, { request: undefined, response: undefined, upgraded: false, seen });
    socket.once("close", () => connections.delete(socket));
  });
  const used = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request;
    const connection = connections.get(socket);
    if (connection === undefined) return;
    connection.request = request;
    connection.response = response;
    if (connections.size * 2 < MAX_CONNECTIONS) return; // the order only matters when there are many
    connections.delete(socket);
    connections.set(socket, connection);
  };
  server.on("request", used);
  server.on("checkContinue", used);
  server.on("upgrade", ({ socket }: IncomingMessage) => {
    const connection = connections.get(socket);
    if (connection !== undefined) connection.upgraded = true;
  });
}
