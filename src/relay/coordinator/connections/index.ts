import type { Socket } from "node:net";
import { buildConnector, Client, errors, Pool, type Dispatcher } from "undici";
import { createInterim, type Interim } from "./interim.ts";

// interim.ts takes informational answers out of what arrives

/** An idle socket is dropped before uvicorn closes it (5 s): few requests are sent into a closing connection. */
const IDLE_SOCKET_MS = 2000;
const CONNECT_TIMEOUT_MS = 5000;
/** Longest head of an answer. Node allows 16 KiB, which the cookies and policies of some ingresses exceed; 512 of them at once are 32 MiB. */
export const MAX_HEAD_BYTES: number = 64 * 1024;

/**
 * A connection that had carried a request before was closed before any byte of this one's answer: most likely the server ended it as idle in that moment.
 * That says nothing about the server; an attempt on a fresh connection does.
 */
export class ClosedInUse extends Error {
  override readonly name = "ClosedInUse";
}

/** How often a connection was used, and what has arrived on it for the request under way. */
type Line = { interim: Interim; requests: number; answered: boolean };

type Held = { line: Line | undefined };

/** Both kinds of socket hand what they read to `push`. */
function watch(socket: Socket): Line {
  const line: Line = { interim: createInterim(), requests: 0, answered: false };
  const push = socket.push.bind(socket);
  socket.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
    if (chunk === null) {
      const rest = line.interim.end();
      if (rest.length > 0) push(rest);
      return push(null);
    }
    if (!Buffer.isBuffer(chunk)) return push(chunk, encoding);
    line.answered = true;
    const bytes = line.interim.take(chunk);
    return bytes.length === 0 || push(bytes);
  };
  return line;
}

function wasClosed(error: Error): boolean {
  return (
    error instanceof errors.SocketError ||
    ("code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE"))
  );
}

/** Hands everything on; a class because one is made per attempt on the hot path. */
class Watched implements Dispatcher.DispatchHandler {
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #held: Held;
  #line: Line | undefined;
  #again = false;

  constructor(handler: Dispatcher.DispatchHandler, held: Held) {
    this.#handler = handler;
    this.#held = held;
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    const { line } = this.#held;
    if (line !== undefined) {
      this.#line = line;
      this.#again = line.requests++ > 0;
      line.answered = false;
      line.interim.expect();
    }
    this.#handler.onRequestStart?.(controller, context);
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
    statusText?: string,
  ): void {
    this.#handler.onResponseStart?.(controller, status, headers, statusText);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#handler.onResponseData?.(controller, chunk);
  }

  onResponseEnd(
    controller: Dispatcher.DispatchController,
    trailers: Record<string, string | string[] | undefined>,
  ): void {
    this.#handler.onResponseEnd?.(controller, trailers);
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    const inUse = this.#again && this.#line?.answered === false && wasClosed(error);
    this.#handler.onResponseError?.(
      controller,
      inUse ? new ClosedInUse(error.message, { cause: error }) : error,
    );
  }
}

/** One connection at a time, made anew when it was closed. */
class Connection extends Client {
  readonly #held: Held;

  constructor(url: URL, options: Client.Options, connect: buildConnector.connector) {
    const held: Held = { line: undefined };
    super(url, {
      ...options,
      connect: (where, done) =>
        connect(where, (...result) => {
          if (result[0] === null && result[1] !== null) held.line = watch(result[1]);
          done(...result);
        }),
    });
    this.#held = held;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return super.dispatch(options, new Watched(handler, this.#held));
  }
}

/**
 * Connections to the coordinator: HTTP/1.1, one request at a time on each. `kept`: used again; else each carries one request and is closed. Informational
 * answers are not seen, and a request that met a closing connection fails with `ClosedInUse`.
 */
export function openConnections(
  origin: string,
  options: Pick<Pool.Options, "connections" | "headersTimeout" | "bodyTimeout"> & { kept: boolean },
): Pool {
  const { kept, ...rest } = options;
  const connect = buildConnector({ timeout: CONNECT_TIMEOUT_MS, allowH2: false });
  return new Pool(origin, {
    ...rest,
    allowH2: false,
    pipelining: kept ? 1 : 0,
    keepAliveTimeout: IDLE_SOCKET_MS,
    keepAliveMaxTimeout: IDLE_SOCKET_MS,
    maxHeaderSize: MAX_HEAD_BYTES,
    connect,
    factory: (url, given) => new Connection(url, given, connect),
  });
}
