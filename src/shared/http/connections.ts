import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../base/clock.ts";

/**
 * Connections at once: an idle one costs 11 KB here, one with half a head 16 KiB more, together 35 MB at the most. More agents than this
 * on one machine share them: a connection is needed for as long as a request is.
 */
export const MAX_CONNECTIONS = 1024;
/** Newcomers beyond it that are let in while nobody can be told to go: a quarter. */
const SPARE_CONNECTIONS: number = MAX_CONNECTIONS / 4;
/** A request whose rest does not come for this long has to give way where connections are scarce. */
const SILENT_MS = 100;

type Connection = {
  request: IncomingMessage | undefined;
  /** Of its last request. */
  response: ServerResponse | undefined;
  upgraded: boolean;
  /** How much had been read when it was looked at last, and when that was first so. */
  seen: { bytes: number; at: number };
};

/**
 * Keeps a server at a number of connections: newcomers take the places of those that do nothing, those first that did nothing for the
 * longest time, so that connections that only stand there shut nobody out. Nothing is what an idle one does, or one whose request is not whole and does
 * not go on. `onDropped` is called for a newcomer that found no place.
 */
export function limitConnections(server: Server, clock: Clock, onDropped: () => void): void {
  /** The longest unused first. */
  const connections = new Map<Socket, Connection>();

  /** Is it of no use now? */
  function stands(socket: Socket, connection: Connection): boolean {
    const { request, response, upgraded, seen } = connection;
    if (upgraded) return false;
    if (response === undefined || response.writableFinished || response.destroyed) return true;
    if (request === undefined || request.complete || request.isPaused()) return false; // the rest is up to us
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
    if (connections.size * 2 < MAX_CONNECTIONS) return; // their order matters only when they are many
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
