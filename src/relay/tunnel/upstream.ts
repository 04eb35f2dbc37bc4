import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { PassThrough, type Duplex } from "node:stream";
import { Pool, errors, type Dispatcher } from "undici";
import { errorText } from "../../shared/errors.ts";
import { MAX_STREAMS } from "./limits.ts";

/** Connections for passed-through requests, apart from the lanes': a hundred open streams delay no event. One for each, so that none waits. */
const CONNECTIONS: number = MAX_STREAMS;
const IDLE_SOCKET_MS = 2000;
const CONNECT_TIMEOUT_MS = 5000;
const TOO_LATE = "the Agent Coordinator did not answer in time";

export type UpstreamRequest = {
  method: string;
  target: string;
  headers: string[];
  headLimitMs: number;
  body: Uint8Array | PassThrough | undefined;
  /** Of a body in frames, if it is known. */
  length?: number;
  upgrade?: string;
};

/** What comes back, in this order: head, data …, end; or `failed` at any time. `data` returns false to be paused. */
export type UpstreamEvents = {
  head(status: number, statusText: string, rawHeaders: string[]): void;
  data(bytes: Uint8Array): boolean;
  end(trailers: string[]): void;
  failed(code: string, text: string): void;
};

export type UpstreamCall = { resume(): void; abort(): void };

/** The coordinator, as the tunnel sees it: requests of any kind, nothing followed, nothing decoded. */
export type Upstream = {
  call(request: UpstreamRequest, events: UpstreamEvents): UpstreamCall;
  close(): Promise<void>;
};

export function createUpstream(url: string): Upstream {
  const base = new URL(url);
  const prefix = base.pathname === "/" ? "" : base.pathname.replace(/\/+$/, "");
  const pool = new Pool(base.origin, {
    connections: CONNECTIONS,
    pipelining: 1,
    keepAliveTimeout: IDLE_SOCKET_MS,
    keepAliveMaxTimeout: IDLE_SOCKET_MS,
    bodyTimeout: 0,
    connect: { timeout: CONNECT_TIMEOUT_MS },
  });
  return {
    call: (request, events) =>
      request.upgrade === undefined && request.target !== "*"
        ? dispatch(pool, prefix, request, events)
        : dispatchPlain(base, prefix, request, events),
    close: () => pool.destroy(),
  };
}

function dispatch(
  pool: Pool,
  prefix: string,
  request: UpstreamRequest,
  events: UpstreamEvents,
): UpstreamCall {
  let controller: Dispatcher.DispatchController | undefined;
  let aborted = false;
  let headSent = false;
  const headers = [...request.headers];
  if (request.length !== undefined) headers.push("content-length", String(request.length));
  pool.dispatch(
    {
      method: request.method,
      path: prefix + request.target,
      headers,
      headersTimeout: request.headLimitMs,
      body: request.body ?? null,
    },
    {
      onRequestStart(begun) {
        controller = begun;
        if (aborted) begun.abort(new Error("cancelled"));
      },
      onResponseStart(current, status, parsed, statusText) {
        if (status < 200) return; // informational answers stay on their connection
        headSent = true;
        events.head(status, statusText ?? "", rawHeaders(current, parsed));
      },
      onResponseData(current, chunk) {
        if (!events.data(chunk)) current.pause();
      },
      onResponseEnd(_, trailers) {
        events.end(
          Object.entries(trailers ?? {}).flatMap(([name, value]) =>
            [value]
              .flat()
              .map((one) => [name, String(one)])
              .flat(),
          ),
        );
      },
      onResponseError(_, error) {
        if (!aborted) events.failed(...failureOf(error, headSent));
      },
    },
  );
  return {
    resume: () => controller?.resume(),
    abort() {
      aborted = true;
      controller?.abort(new Error("cancelled"));
    },
  };
}

/** As they were written, where the parser kept that. */
function rawHeaders(
  controller: Dispatcher.DispatchController,
  parsed: Record<string, string | string[] | undefined>,
): string[] {
  const { rawHeaders: raw } = controller;
  if (Array.isArray(raw))
    return raw.map((part) => (typeof part === "string" ? part : part.toString("latin1")));
  return Object.entries(parsed).flatMap(([name, value]) =>
    [value ?? []].flat().flatMap((one) => [name, one]),
  );
}

function failureOf(error: Error, headSent: boolean): [code: string, text: string] {
  if (headSent) return ["tunnel_broken", errorText(error)];
  if (error instanceof errors.HeadersTimeoutError) return ["coordinator_timeout", TOO_LATE];
  return ["coordinator_unreachable", `Failed to connect to Agent Coordinator: ${errorText(error)}`];
}

/**
 * A body that is not announced would be read as the next request. Node announces none for methods that usually have none, so it is
 * done here, and always by what is really sent.
 */
function framingOf(body: UpstreamRequest["body"]): string[] {
  if (body === undefined) return [];
  return body instanceof PassThrough
    ? ["Transfer-Encoding", "chunked"]
    : ["Content-Length", String(body.length)];
}

/** What undici has no form for: an upgrade, on a connection of its own that then carries bytes both ways; and `OPTIONS *`. */
function dispatchPlain(
  base: URL,
  prefix: string,
  request: UpstreamRequest,
  events: UpstreamEvents,
): UpstreamCall {
  const send = base.protocol === "https:" ? httpsRequest : httpRequest;
  const { upgrade, body } = request;
  const outgoing = send({
    hostname: base.hostname.replace(/^\[|\]$/g, ""),
    port: base.port,
    method: request.method,
    path: request.target === "*" ? "*" : prefix + request.target,
    headers: [
      ...request.headers,
      "Host",
      base.host,
      ...(upgrade === undefined
        ? ["Connection", "close", ...framingOf(body)]
        : ["Connection", "Upgrade", "Upgrade", upgrade]),
    ],
    timeout: request.headLimitMs,
    agent: false,
    // each half of an upgraded connection ends by itself
    allowHalfOpen: upgrade !== undefined,
  } as RequestOptions);
  let flowing: Duplex | IncomingMessage | undefined;
  let timedOut = false;
  const pass = (source: Duplex | IncomingMessage): void => {
    flowing = source;
    let ended = false;
    source.on("data", (chunk: Buffer) => {
      if (!events.data(chunk)) source.pause();
    });
    source.on("end", () => {
      ended = true;
      events.end([]);
    });
    source.on("error", (error: Error) => events.failed("tunnel_broken", errorText(error)));
    source.on("close", () => {
      if (!ended) events.failed("tunnel_broken", "the connection was closed");
    });
  };
  outgoing.on("upgrade", (response, socket, head) => {
    outgoing.setTimeout(0);
    socket.setTimeout(0);
    events.head(101, response.statusMessage ?? "Switching Protocols", response.rawHeaders);
    if (head.length > 0) socket.unshift(head);
    pass(socket);
    if (body instanceof PassThrough) body.pipe(socket);
  });
  outgoing.on("response", (response) => {
    outgoing.setTimeout(0);
    events.head(response.statusCode ?? 502, response.statusMessage ?? "", response.rawHeaders);
    pass(response);
  });
  outgoing.on("timeout", () => {
    timedOut = true;
    outgoing.destroy();
  });
  outgoing.on("error", (error) => {
    if (timedOut) events.failed("coordinator_timeout", TOO_LATE);
    else
      events.failed("coordinator_unreachable", `Failed to connect to Agent Coordinator: ${errorText(error)}`);
  });
  if (upgrade !== undefined || body === undefined) outgoing.end();
  else if (body instanceof PassThrough) body.pipe(outgoing);
  else outgoing.end(body);
  return {
    resume: () => flowing?.resume(),
    abort: () => {
      outgoing.destroy();
      flowing?.destroy();
    },
  };
}
