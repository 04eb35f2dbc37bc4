import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { traceIdOf, traceOf, type Span, type TraceContext, type Tracing } from "../../shared/base/tracing.ts";
import type { Route } from "./routes.ts";

/** Form of a client's request id that is passed on and logged. Any other id is ignored. */
const SANE_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

/** Identifies a passed-through request in logs and traces, at both ends of the tunnel. */
export type Passage = {
  readonly id: string;
  /** The context of its server span if the request is traced here. It then replaces the executor's own. */
  readonly trace: TraceContext | undefined;
};

/** The client's id of a request, if it is safe for a log line. Pure. */
export function requestIdOf(headers: IncomingMessage["headers"]): string | undefined {
  const id = headers["x-request-id"];
  return typeof id === "string" && SANE_ID.test(id) ? id : undefined;
}

/** The route templates of the writes, for `http.route`. Pure. */
export function templateOf(route: Extract<Route, { kind: "write" }>): string {
  const { write, session, run } = route;
  if (write === "run")
    return run === undefined ? "/runner/sessions/{session_id}/status" : `/runner/runs/{run_id}/${run.report}`;
  const name = write === "event" ? "events" : write;
  return session === undefined ? `/${name}` : `/sessions/{session_id}/${name}`;
}

/** The path of a target, without authority, and without the query, which may hold secrets. Pure. */
function pathOf(url: string): string | undefined {
  return url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "").split(/[?#]/, 1)[0];
}

/** Starts the server span of a request. The caller ends it. */
export function serverSpan(tracing: Tracing, request: IncomingMessage, template: string | undefined): Span {
  const { method = "", url = "", headers } = request;
  return tracing.span({
    name: template === undefined ? method : `${method} ${template}`,
    kind: "server",
    parent: traceOf(headers),
    attributes: {
      "http.request.method": method,
      "http.route": template,
      "url.scheme": "http",
      "url.path": pathOf(url),
    },
  });
}

/** Ends a server span when its response is sent, or cut off. */
export function endWith(span: Span, response: ServerResponse): void {
  response.once("close", () => {
    const { statusCode, writableFinished } = response;
    if (response.headersSent) span.set({ "http.response.status_code": statusCode });
    if (!writableFinished) span.end("cancelled");
    else if (statusCode >= 500) span.end(String(statusCode));
    else span.end();
  });
}

/** Gives passed-through requests an id, traces them, and logs one line at the end of each. */
export function createPassages(deps: {
  tracing: Tracing | undefined;
  newId: () => string;
  clock: Clock;
  logger: Logger;
}): {
  ofRequest(request: IncomingMessage, response: ServerResponse): Passage;
  ofUpgrade(request: IncomingMessage, socket: Duplex): Passage;
} {
  const { tracing, clock, logger } = deps;

  function line(request: IncomingMessage, id: string, trace: string | undefined, from: number): object {
    return {
      request: id,
      ...(trace === undefined ? {} : { trace }),
      method: request.method,
      path: pathOf(request.url ?? ""),
      ms: Math.round(clock.now() - from),
    };
  }

  return {
    ofRequest(request, response) {
      const id = requestIdOf(request.headers) ?? deps.newId();
      const span = tracing && serverSpan(tracing, request, undefined);
      if (span !== undefined) endWith(span, response);
      if (logger.isLevelEnabled("debug")) {
        const from = clock.now();
        const trace = traceIdOf(span?.context ?? traceOf(request.headers));
        response.once("close", () => {
          const { statusCode: status, writableFinished: told } = response;
          logger.debug({ ...line(request, id, trace, from), status, told }, "request passed through");
        });
      }
      return { id, trace: span?.context };
    },
    ofUpgrade(request, socket) {
      const id = requestIdOf(request.headers) ?? deps.newId();
      const span = tracing && serverSpan(tracing, request, undefined);
      const from = clock.now();
      const trace = traceIdOf(span?.context ?? traceOf(request.headers));
      socket.once("close", () => {
        span?.end();
        logger.debug(line(request, id, trace, from), "upgraded connection passed through");
      });
      return { id, trace: span?.context };
    },
  };
}
