import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "../base/clock.ts";
import { codedError, errorText, type HttpErrorCode } from "../base/errors.ts";
import { limitConnections } from "./connections.ts";
import { serveHalfClosed } from "./half-closed.ts";
import { problemOf } from "./problem.ts";
import { refuseUnread } from "./reply.ts";

/** Limits for requests, each with its reason. */
const LIMITS = {
  /** Time limit for a request's head (408). */
  headMs: 10_000,
  /** Largest head (431). This is Node's default, and executors need far less. */
  headBytes: 16 * 1024,
  /** How often the time limits are checked. */
  checkEveryMs: 1000,
  /** Lifetime of idle connections: longer than an agent's pauses, short enough to drop dead clients. */
  keepAliveMs: 65_000,
  /** Connections that may wait to be accepted, for agents that start together. The kernel limits it to `somaxconn`. */
  backlog: 4096,
} as const;

/** How often connections that became idle are ended while the server closes. */
const SWEEP_MS = 20;

/** Shorter times, for tests. */
export type ServerTimes = { headMs: number; checkEveryMs: number };

export type Handler = (request: IncomingMessage, response: ServerResponse, start: () => void) => void;

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export type HttpServer = {
  /** Resolves to the port. Rejects with `port_taken`. */
  listen(host: string, port: number): Promise<number>;
  /** Binds a Unix socket before it returns. Resolves when it listens. */
  listenAt(path: string): Promise<void>;
  /** Stops accepting and ends idle connections. Resolves when the last request is answered. */
  close(): Promise<void>;
  /** Ends the remaining connections. */
  destroy(): void;
};

const CODES: Record<string, HttpErrorCode> = {
  HPE_HEADER_OVERFLOW: "headers_too_large",
  ERR_HTTP_REQUEST_TIMEOUT: "request_timeout",
};

/**
 * The HTTP server, on plain `node:http`, which was measured to be a fifth faster than a framework. A framework's routing would also be a second opinion
 * on which paths are writes. Call `start` when a request's body is wanted (`Expect: 100-continue`).
 */
export function createHttpServer(
  handler: Handler,
  onUpgrade: UpgradeHandler,
  options: { times?: ServerTimes | undefined; clock: Clock; onDropped: () => void },
): HttpServer {
  const { times = LIMITS } = options;
  const server: Server = createServer({
    requestTimeout: 0, // passed-through bodies may take hours, and body.ts limits the others
    headersTimeout: times.headMs,
    connectionsCheckingInterval: times.checkEveryMs,
    maxHeaderSize: LIMITS.headBytes,
    keepAliveTimeout: LIMITS.keepAliveMs,
    requireHostHeader: false, // the guard answers instead, with a readable body
    noDelay: true,
    // Other upgrades (some clients offer h2c) may be ignored by a server. Accepting them would lose the body.
    shouldUpgradeCallback: isWebSocket,
  });
  limitConnections(server, options.clock, options.onDropped);
  serveHalfClosed(server, options.clock);
  const nothing = (): void => undefined;
  server.on("request", (request, response) => handler(request, response, nothing));
  server.on("checkContinue", (request, response) => {
    if (!/^\s*100-continue\s*$/i.test(request.headers.expect ?? ""))
      return refuseExpectation(request, response);
    handler(request, response, () => response.writeContinue());
  });
  server.on("checkExpectation", refuseExpectation);
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    const code = CODES[error.code ?? ""] ?? "request_malformed";
    refuseSocket(socket, code, code === "request_malformed" ? "the request is not valid HTTP" : "");
  });
  server.on("upgrade", onUpgrade);
  server.on("connect", (_request, socket) => {
    refuseSocket(socket, "connect_not_forwarded", "CONNECT is not forwarded");
  });

  return portOf(server);
}

/** Opens a server at ports and sockets, and closes it. */
function portOf(server: Server): HttpServer {
  return {
    listen(host, port) {
      return new Promise((resolve, reject) => {
        const failed = (error: NodeJS.ErrnoException): void => {
          const code =
            error.code === "EADDRINUSE" || error.code === "EACCES" ? "port_taken" : "listen_refused";
          reject(codedError(code, `${host}:${port}: ${errorText(error)}`, { cause: error }));
        };
        server.once("error", failed);
        server.listen({ host, port, backlog: LIMITS.backlog }, () => {
          server.off("error", failed);
          resolve((server.address() as AddressInfo).port);
        });
      });
    },
    listenAt(path) {
      return new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen({ path, backlog: LIMITS.backlog }, () => {
          server.off("error", reject);
          resolve();
        });
      });
    },
    close() {
      return new Promise((resolve) => {
        // A keep-alive connection becomes idle only after its last answer was sent.
        const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
        server.close(() => {
          clearInterval(sweep);
          resolve();
        });
        server.closeIdleConnections();
      });
    },
    destroy: () => server.closeAllConnections(),
  };
}

function refuseExpectation(request: IncomingMessage, response: ServerResponse): void {
  refuseUnread(request, response, "expectation_failed", "only Expect: 100-continue is supported");
}

function isWebSocket(request: IncomingMessage): boolean {
  return request.method === "GET" && request.headers.upgrade?.trim().toLowerCase() === "websocket";
}

/** Answers without a response object, because the parser gave up or the method has none. */
export function refuseSocket(socket: Duplex, code: HttpErrorCode, detail: string): void {
  if (!socket.writable) return void socket.destroy();
  const { status, headers, body } = problemOf(code, detail);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${status} ${code}\r\n${lines.join("")}content-length: ${body.length}\r\nconnection: close\r\n\r\n${body.toString()}`,
  );
}
