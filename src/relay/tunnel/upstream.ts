import {
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from "node:http";
import { request as httpsRequest } from "node:https";
import { PassThrough, type Duplex } from "node:stream";
import { errors, type Dispatcher } from "undici";
import { errorText } from "../../shared/base/errors.ts";
import { ClosedInUse, MAX_HEAD_BYTES, openConnections } from "../coordinator/connections/index.ts";
import type { AnswerEvents } from "../coordinator/answer-events.ts";
import { MAX_STREAMS } from "./limits.ts";

/** Connections for passed-through requests. They are not the lanes' connections, so that open streams delay no event; there is one for each stream. */
const CONNECTIONS: number = MAX_STREAMS;
/** Methods that change nothing, so that a request may be sent again if it is not known whether it arrived. */
const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);
const TOO_LATE = "the Agent Coordinator did not answer in time";

export type UpstreamRequest = {
  method: string;
  target: string;
  headers: string[];
  headLimitMs: number;
  body: Uint8Array | PassThrough | undefined;
  /** Length of a body in frames, if it is known. */
  length?: number;
  upgrade?: string;
};

export type UpstreamCall = { resume(): void; abort(): void };

/** The coordinator as the tunnel sees it: it takes requests of any kind, redirects are not followed and nothing is decoded. */
export type Upstream = {
  call(request: UpstreamRequest, events: AnswerEvents): UpstreamCall;
  close(): Promise<void>;
};

type Pools = { kept: Dispatcher; fresh: Dispatcher };

/** Headers as they were written, if the parser kept that. */
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

function dispatch(
  pools: Pools,
  prefix: string,
  request: UpstreamRequest,
  events: AnswerEvents,
): UpstreamCall {
  let controller: Dispatcher.DispatchController | undefined;
  let aborted = false;
  let headSent = false;
  const headers = [...request.headers];
  if (request.length !== undefined) headers.push("content-length", String(request.length));
  const what = {
    method: request.method,
    path: prefix + request.target,
    headers,
    headersTimeout: request.headLimitMs,
    body: request.body ?? null,
  };
  const repeatable = SAFE.has(request.method) && !(request.body instanceof PassThrough);
  const answered = (mayRepeat: boolean): Dispatcher.DispatchHandler => ({
    onRequestStart(begun) {
      controller = begun;
      if (aborted) begun.abort(new Error("cancelled"));
    },
    onResponseStart(current, status, parsed, statusText) {
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
      if (aborted) return;
      if (mayRepeat && error instanceof ClosedInUse) pools.fresh.dispatch(what, answered(false));
      else events.failed(...failureOf(error, headSent));
    },
  });
  pools.kept.dispatch(what, answered(repeatable));
  return {
    resume: () => controller?.resume(),
    abort() {
      aborted = true;
      controller?.abort(new Error("cancelled"));
    },
  };
}

/**
 * The headers that announce the body. A body that is not announced would be read as the next request. Node announces none for methods that usually have
 * none, so it is done here, and always according to what is really sent.
 */
function framingOf(body: UpstreamRequest["body"]): string[] {
  if (body === undefined) return [];
  return body instanceof PassThrough
    ? ["Transfer-Encoding", "chunked"]
    : ["Content-Length", String(body.length)];
}

/** Passes on what comes from the coordinator's connection. */
function passOn(source: Duplex | IncomingMessage, events: AnswerEvents): void {
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
}

/** Begins a request of Node's own, on a connection of its own. */
function plainRequest(base: URL, prefix: string, request: UpstreamRequest): ClientRequest {
  const send = base.protocol === "https:" ? httpsRequest : httpRequest;
  const { upgrade, body } = request;
  return send({
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
    maxHeaderSize: MAX_HEAD_BYTES,
    agent: false,
    // each half of an upgraded connection ends by itself
    allowHalfOpen: upgrade !== undefined,
  } as RequestOptions);
}

/** Sends what undici cannot: `OPTIONS *`, and an upgrade, on a connection of its own that then carries bytes in both directions. */
function dispatchPlain(
  base: URL,
  prefix: string,
  request: UpstreamRequest,
  events: AnswerEvents,
): UpstreamCall {
  const { upgrade, body } = request;
  const outgoing = plainRequest(base, prefix, request);
  let flowing: Duplex | IncomingMessage | undefined;
  let timedOut = false;
  // the limit is for the whole head: informational answers and single bytes do not start it anew
  const limit = setTimeout(() => {
    timedOut = true;
    outgoing.destroy();
  }, request.headLimitMs);
  outgoing.on("close", () => clearTimeout(limit));
  outgoing.on("upgrade", (response, socket, head) => {
    clearTimeout(limit);
    events.head(101, response.statusMessage ?? "Switching Protocols", response.rawHeaders);
    if (head.length > 0) socket.unshift(head);
    flowing = socket;
    passOn(socket, events);
    if (body instanceof PassThrough) body.pipe(socket);
  });
  outgoing.on("response", (response) => {
    clearTimeout(limit);
    events.head(response.statusCode ?? 502, response.statusMessage ?? "", response.rawHeaders);
    flowing = response;
    passOn(response, events);
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

export function createUpstream(url: string): Upstream {
  const base = new URL(url);
  const prefix = base.pathname === "/" ? "" : base.pathname.replace(/\/+$/, "");
  const limits = { connections: CONNECTIONS, bodyTimeout: 0 };
  const pools: Pools = {
    kept: openConnections(base.origin, { ...limits, kept: true }),
    fresh: openConnections(base.origin, { ...limits, kept: false }),
  };
  return {
    call: (request, events) =>
      request.upgrade === undefined && request.target !== "*"
        ? dispatch(pools, prefix, request, events)
        : dispatchPlain(base, prefix, request, events),
    close: async () => void (await Promise.all([pools.kept.destroy(), pools.fresh.destroy()])),
  };
}
