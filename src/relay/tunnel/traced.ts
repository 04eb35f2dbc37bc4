import { traceOf, withTrace, type Tracing } from "../../shared/base/tracing.ts";
import { serverAttributes } from "../coordinator/spans.ts";
import type { Upstream } from "./upstream.ts";

/** The trace context in a raw header list, names and values alternating. Pure. */
export function traceHeaders(headers: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i]?.toLowerCase() ?? "";
    if (name === "traceparent" || name === "tracestate") found[name] = headers[i + 1] ?? "";
  }
  return found;
}

/** A client span for every request that really goes to the coordinator; its context takes the place of the gateway's. */
export function traceUpstream(upstream: Upstream, tracing: Tracing, coordinatorUrl: string): Upstream {
  const server = serverAttributes(coordinatorUrl);
  return {
    call(request, events) {
      const span = tracing.span({
        name: request.method,
        kind: "client",
        parent: traceOf(traceHeaders(request.headers)),
        attributes: {
          ...server,
          "http.request.method": request.method,
          "url.path": request.target.split(/[?#]/, 1)[0],
        },
      });
      let status = 0;
      const call = upstream.call(
        { ...request, headers: withTrace(request.headers, span.context) },
        {
          ...events,
          head(answered, statusText, headers) {
            status = answered;
            span.set({ "http.response.status_code": status });
            events.head(answered, statusText, headers);
          },
          end(trailers) {
            span.end(status >= 400 ? String(status) : undefined);
            events.end(trailers);
          },
          failed(code, text) {
            span.end(code);
            events.failed(code, text);
          },
        },
      );
      return {
        resume: () => call.resume(),
        abort() {
          span.end("cancelled");
          call.abort();
        },
      };
    },
    close: () => upstream.close(),
  };
}
