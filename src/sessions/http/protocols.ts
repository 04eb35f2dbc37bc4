import {
  createServer as createHttp2,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { Server as TlsServer, type TLSSocket } from "node:tls";
import type { FastifyInstance } from "fastify";
import type { Clock } from "../../shared/base/clock.ts";
import { rest } from "../../shared/base/rest.ts";
import { beginning } from "./beginning.ts";

// beginning.ts tells by the first bytes of a connection what is spoken on it, where TLS has not agreed on that

/** Versions that TLS offers, the preferred one first: browsers and most tools stay with HTTP/1.1, where they can have WebSockets. Clients of gRPC offer the other one only. */
export const VERSIONS: string[] = ["http/1.1", "h2"];

/** Calls and streams of one connection at once. A pod has a few; a proxy for many pods opens several connections. */
const MAX_STREAMS = 1000;
/** How often a connection is asked whether its client is there. Without an answer until the next time it is closed. */
const PING_MS = 30_000;
/** Connections that were accepted last get this long to say what they want: it is answered as usual. A client that is cut off before does not repeat a call, if it is a pod. */
const LAST_WORD_MS = 200;
/** How long calls that are under way may take when the server stops. */
const LINGER_MS = 2000;

/** Has the server's port speak HTTP/2 beside HTTP/1.1, with the same routes. `headMs`: how long a client may take until it is known what it speaks. */
export function speakBothVersions(
  app: FastifyInstance,
  { clock, headMs }: { clock: Clock; headMs: number },
): void {
  const { server } = app;
  const http2 = createHttp2({ settings: { maxConcurrentStreams: MAX_STREAMS } });
  const undecided = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  const event = server instanceof TlsServer ? "secureConnection" : "connection";
  const older = server.listeners(event) as ((socket: Socket) => void)[];
  server.removeAllListeners(event);

  function first(socket: Socket): void {
    for (const listener of older) listener.call(server, socket);
  }

  if (server instanceof TlsServer)
    server.on(event, (socket: TLSSocket) => {
      if (socket.alpnProtocol === "h2") http2.emit("connection", socket);
      else first(socket);
    });
  else
    server.on(event, (socket: Socket) => {
      undecided.add(socket);
      beginning(socket, { clock, limitMs: headMs }, (version) => {
        undecided.delete(socket);
        if (version === "http/2") http2.emit("connection", socket);
        if (version !== "http/1") return;
        first(socket);
        socket.resume();
      });
    });

  http2.on("request", (request: Http2ServerRequest, response: Http2ServerResponse) => {
    const { authority } = request;
    if (authority !== "") request.headers.host = authority; // what guards look at
    // what answers of HTTP/1.1 have, and streams ask for
    Object.defineProperty(response, "destroyed", { get: () => response.stream.destroyed });
    app.routing(request as unknown as IncomingMessage, response as unknown as ServerResponse);
  });
  http2.on("sessionError", () => undefined); // the session is closed by it
  http2.on("session", (session) => {
    sessions.add(session);
    const stop = keepAsking(session, clock);
    session.once("close", () => {
      stop();
      sessions.delete(session);
    });
  });
  app.addHook("preClose", async () => {
    void endSessions(server, { undecided, sessions }, clock);
  });
}

/** Ends connections once the server accepts no more: clients that come back at once must not reach it again. What is under way is answered. */
async function endSessions(
  server: FastifyInstance["server"],
  { undecided, sessions }: { undecided: ReadonlySet<Socket>; sessions: ReadonlySet<ServerHttp2Session> },
  clock: Clock,
): Promise<void> {
  while (server.listening) await setImmediate();
  await rest(clock, LAST_WORD_MS);
  for (const socket of undecided) socket.destroy();
  for (const session of sessions) session.close();
  const cancel = clock.after(LINGER_MS, () => {
    for (const session of sessions) session.destroy();
  });
  server.once("close", cancel);
}

/** Closes the connection of a client that is gone without a word. */
function keepAsking(session: ServerHttp2Session, clock: Clock): () => void {
  let answered = true;
  let cancel = (): void => undefined;
  const ask = (): void => {
    cancel = clock.after(PING_MS, () => {
      if (session.destroyed) return;
      if (!answered) return session.destroy();
      answered = false;
      session.ping(() => (answered = true));
      ask();
    });
  };
  ask();
  return () => cancel();
}
