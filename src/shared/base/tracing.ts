import type { Environment } from "./config/load.ts";
import { errorText } from "./errors.ts";
import type { Logger, SecretRegistry } from "./logger.ts";

// tracing.ts is the interface and decides whether there are traces · otel.ts implements it with OpenTelemetry
// They are separate so that OpenTelemetry is loaded only when traces are wanted, and the rest of the code does not depend on it.

/** The W3C trace context in headers and envelopes. */
export type TraceContext = { traceparent: string; tracestate?: string };

/**
 * Attributes of spans. Keys follow OpenTelemetry's semantic conventions; our own begin with `runner_relay.`. Of an executor's data only the ids of
 * session, event and run are allowed here, and no body, query or header (CRED-1).
 */
export type Attributes = Record<string, string | number | boolean | undefined>;

export type SpanKind = "server" | "client" | "producer" | "consumer";

export type Span = {
  /** The context for child spans. */
  readonly context: TraceContext;
  set(attributes: Attributes): void;
  /** Ends the span. `failure` becomes `error.type`. Only the first call counts. */
  end(failure?: string): void;
};

/** The tracing interface. It is undefined if tracing is off, so that `tracing?.span(…)` costs only one comparison. */
export type Tracing = {
  span(span: {
    name: string;
    kind: SpanKind;
    /** Undefined to begin a new trace. */
    parent: TraceContext | undefined;
    attributes: Attributes;
    /** Wall clock in milliseconds. The default is now. */
    startedAt?: number;
  }): Span;
  /** Sends the remaining spans, but does not wait long for a collector that is away. */
  close(): Promise<void>;
};

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
/** W3C requires that at least 512 characters are passed on, and allows a longer list to be dropped. */
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;

/** The trace context in a request's headers. Undefined if there is none or it is malformed. Pure. */
export function traceOf(headers: Record<string, string | string[] | undefined>): TraceContext | undefined {
  const { traceparent, tracestate } = headers;
  if (typeof traceparent !== "string" || !TRACEPARENT.test(traceparent)) return undefined;
  return typeof tracestate === "string" && TRACESTATE.test(tracestate)
    ? { traceparent, tracestate }
    : { traceparent };
}

/** The trace id, for log lines. Pure. */
export function traceIdOf(context: TraceContext | undefined): string | undefined {
  return context?.traceparent.slice(3, 35);
}

/** Replaces the trace context in a raw header list (names and values alternating). Pure. */
export function withTrace(headers: readonly string[], context: TraceContext): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i]?.toLowerCase();
    if (name !== "traceparent" && name !== "tracestate") kept.push(headers[i] ?? "", headers[i + 1] ?? "");
  }
  kept.push("traceparent", context.traceparent);
  if (context.tracestate !== undefined) kept.push("tracestate", context.tracestate);
  return kept;
}

/** The identity of a process in traces. */
export type TracedProcess = { service: string; instance: string; version: string };

/**
 * Sets up traces if the standard variables ask for them (`OTEL_EXPORTER_OTLP_ENDPOINT` or `…_TRACES_ENDPOINT`). Otherwise the result is undefined, and
 * OpenTelemetry is not loaded. A wrong variable causes only a warning, because events must not depend on a collector.
 */
export async function startTracing(options: {
  env: Environment;
  process: TracedProcess;
  log: Logger;
  secrets: SecretRegistry;
}): Promise<Tracing | undefined> {
  const { env, log } = options;
  for (const secret of headerSecrets(env)) options.secrets.add(secret);
  if (!isWanted(env)) return undefined;
  if (isWithLogin(env)) {
    log.warn(
      {},
      "the collector's URL must not carry a login (use OTEL_EXPORTER_OTLP_HEADERS); no traces are sent",
    );
    return undefined;
  }
  const protocol = env["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] || env["OTEL_EXPORTER_OTLP_PROTOCOL"];
  if (protocol === "grpc") {
    log.warn({ protocol }, "traces are only sent by OTLP over HTTP, so no traces are sent");
    return undefined;
  }
  try {
    const { createTracing } = await import("./otel.ts");
    return createTracing(options);
  } catch (error) {
    log.warn({ err: errorText(error) }, "traces cannot be sent");
    return undefined;
  }
}

/** True if a URL contains a login. The exporter would ignore it, and some of its errors would quote it. */
function isWithLogin(env: Environment): boolean {
  return ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"].some((name) => {
    const url = URL.parse(env[name] ?? "");
    return url === null ? env[name]?.includes("@") : url.username !== "" || url.password !== "";
  });
}

function isWanted(env: Environment): boolean {
  const endpoint = env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] || env["OTEL_EXPORTER_OTLP_ENDPOINT"];
  const off = env["OTEL_SDK_DISABLED"]?.toLowerCase() === "true" || env["OTEL_TRACES_EXPORTER"] === "none";
  return Boolean(endpoint) && !off;
}

/** The values of the exporter's headers, any of which may be a credential: `name=value,…`, percent-encoded, often after a scheme. Pure. */
function headerSecrets(env: Environment): string[] {
  const texts = ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"].map(
    (name) => env[name] ?? "",
  );
  return texts
    .flatMap((text) => [text, ...text.split(",").map((pair) => pair.slice(pair.indexOf("=") + 1).trim())])
    .flatMap((value) => [value, decoded(value)])
    .flatMap((value) => [value, value.replace(/^\w+ +/, "")]);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
