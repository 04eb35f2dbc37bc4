import type { Environment } from "./config/load.ts";
import { errorText } from "./errors.ts";
import type { Logger, SecretRegistry } from "./logger.ts";

// tracing.ts is the port and decides whether there is any · otel.ts is OpenTelemetry behind it, loaded only then

/** W3C trace context as it travels in headers and envelopes. */
export type TraceContext = { traceparent: string; tracestate?: string };

/**
 * Keys are those of OpenTelemetry's semantic conventions, our own begin with `runner_relay.`. Of what executors say only the ids of
 * session, event and run may stand here: no body, no query, no header (CRED-1).
 */
export type Attributes = Record<string, string | number | boolean | undefined>;

export type SpanKind = "server" | "client" | "producer" | "consumer";

export type Span = {
  /** For whatever follows from it. */
  readonly context: TraceContext;
  set(attributes: Attributes): void;
  /** Ends it; `failure` is what `error.type` says. Only the first call counts. */
  end(failure?: string): void;
};

/** Traces as the processes see them. Where tracing is off there is none: `tracing?.span(…)` then costs one comparison. */
export type Tracing = {
  span(span: {
    name: string;
    kind: SpanKind;
    /** Undefined: a new trace. */
    parent: TraceContext | undefined;
    attributes: Attributes;
    /** Wall clock, milliseconds; default: now. */
    startedAt?: number;
  }): Span;
  /** Sends what is left, but does not wait long for a collector that is away. */
  close(): Promise<void>;
};

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
/** W3C asks for at least 512 characters to be passed on; a list that is longer is left out, as it allows. */
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;

/** The context in a request's headers; undefined if there is none or it is malformed. Pure. */
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

/** A raw header list (names and values alternating) with this context in the place of whatever it carries. Pure. */
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

/** What tells one process from another in traces. */
export type TracedProcess = { service: string; instance: string; version: string };

/**
 * Traces, if the standard variables ask for them (`OTEL_EXPORTER_OTLP_ENDPOINT` or `…_TRACES_ENDPOINT`); otherwise undefined, and nothing of
 * OpenTelemetry is loaded. What is wrong with them is a warning: events must not wait for somebody's collector.
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
      "the collector's URL must not carry a login, OTEL_EXPORTER_OTLP_HEADERS can; no traces are sent",
    );
    return undefined;
  }
  const protocol = env["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] || env["OTEL_EXPORTER_OTLP_PROTOCOL"];
  if (protocol === "grpc") {
    log.warn({ protocol }, "traces are sent by OTLP over HTTP only, so none are");
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

/** The exporter would not use it, and some of its errors would quote it. */
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

/** Whatever the exporter's headers hold may be a credential: `name=value,…`, percent-encoded, often with a scheme in front. Pure. */
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
