import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../base/clock.ts";

/**
 * A client that closed its side is waited for this long after the last byte that it was sent. From here nobody can tell one that still reads
 * from one that is gone before something is written to it, and executors give up at 5 s.
 */
export const HALF_CLOSED_MS = 5000;

type Connection = { response: ServerResponse | undefined; upgraded: boolean };

/**
 * Answers clients that close their side as soon as their request is out (`nc -N`, small HTTP clients), which TCP allows. One that is gone
 * looks the same: its connection ends when it refuses a byte, or when nothing was to be written for `HALF_CLOSED_MS`. One that closes its side in
 * the middle of its answer has seen enough (the end of an event stream, nearly always), and is let go at once.
 */
export function serveHalfClosed(server: Server, clock: Clock): void {
  // Node's own switch for this; its types do not know it.
  Object.assign(server, { httpAllowHalfOpen: true });
  const connections = new WeakMap<Socket, Connection>();
  server.on("connection", (socket: Socket) => {
    const connection: Connection = { response: undefined, upgraded: false };
    connections.set(socket, connection);
    socket.once("end", () => {
      const { response, upgraded } = connection;
      if (upgraded || socket.destroyed) return; // its own protocol says when it is over
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
