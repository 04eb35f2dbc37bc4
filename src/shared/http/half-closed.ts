import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../base/clock.ts";

/**
 * How long the connection of a client that closed its side is kept after the last byte sent to it. A client that still reads and one that is gone cannot
 * be distinguished until something is written, and executors give up at 5 s.
 */
export const HALF_CLOSED_MS = 5000;

type Connection = { response: ServerResponse | undefined; upgraded: boolean };

/**
 * Answers clients that close their side of the connection as soon as they have sent the request (`nc -N`, small HTTP clients), which TCP allows. A client
 * that is gone looks the same: its connection ends when it refuses a byte, or when nothing was written for `HALF_CLOSED_MS`. If a client closes its side in
 * the middle of an answer (nearly always to end an event stream), the connection ends at once.
 */
export function serveHalfClosed(server: Server, clock: Clock): void {
  // This is Node's own option for it, which is missing in its types.
  Object.assign(server, { httpAllowHalfOpen: true });
  const connections = new WeakMap<Socket, Connection>();
  server.on("connection", (socket: Socket) => {
    const connection: Connection = { response: undefined, upgraded: false };
    connections.set(socket, connection);
    socket.once("end", () => {
      const { response, upgraded } = connection;
      if (upgraded || socket.destroyed) return; // the new protocol decides when it ends
      if (response?.headersSent === true && !response.writableEnded) socket.destroy();
      else letGoWhenSilent(socket, clock);
    });
  });
  const answering = ({ socket }: IncomingMessage, response: ServerResponse): void => {
    const connection = connections.get(socket);
    if (connection !== undefined) connection.response = response;
  };
  server.on("request", answering);
  server.on("checkContinue", answering);
  server.on("upgrade", ({ socket }: IncomingMessage) => {
    const connection = connections.get(socket);
    if (connection !== undefined) connection.upgraded = true;
  });
}

function letGoWhenSilent(socket: Socket, clock: Clock): void {
  let cancel = (): void => undefined;
  const look = (written: number): void => {
    cancel = clock.after(HALF_CLOSED_MS, () => {
      if (socket.bytesWritten === written) socket.destroy();
      else look(socket.bytesWritten);
    });
  };
  look(socket.bytesWritten);
  socket.once("close", () => cancel());
}
