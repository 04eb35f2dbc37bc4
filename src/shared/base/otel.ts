import {
  createTraceState,
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  SpanKind as OtelKind,
  SpanStatusCode,
  trace,
  type Attributes as OtelAttributes,
  type Context,
  type Span as OtelSpan,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes, type Resource } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type Sampler,
} from "@opentelemetry/sdk-trace";
import type { Environment } from "./config/load.ts";
import type { Logger } from "./logger.ts";
import type { Attributes, Span, SpanKind, TraceContext, TracedProcess, Tracing } from "./tracing.ts";

/** How long a stop waits for the last spans. A hanging collector must not block it. */
const LAST_SPANS_MS = 500;
/** Least time between two log lines about a collector that is away. */
const COMPLAIN_EVERY_MS = 60_000;

const KINDS: Record<SpanKind, OtelKind> = {
  server: OtelKind.SERVER,
  client: OtelKind.CLIENT,
  producer: OtelKind.PRODUCER,
  consumer: OtelKind.CONSUMER,
};

/**
 * Implements our tracing interface with OpenTelemetry. The exporter reads `OTEL_EXPORTER_OTLP_*` itself; the other standard variables are read here,
 * because the SDK leaves that to the program. Spans wait in a bounded queue and are dropped if it is full, so that a collector that is away, slow or
 * refusing costs at most that memory.
 */
export function createTracing(options: { env: Environment; process: TracedProcess; log: Logger }): Tracing {
  const { env, log } = options;
  diag.setLogger(complaints(log), { logLevel: DiagLogLevel.WARN });
  const provider = new TracerProvider({
    resource: resourceOf(env, options.process),
    sampler: samplerOf(env, log),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter(),
        maxQueueSize: positive(env["OTEL_BSP_MAX_QUEUE_SIZE"], 2048),
        maxExportBatchSize: positive(env["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"], 512),
        scheduledDelayMillis: positive(env["OTEL_BSP_SCHEDULE_DELAY"], 5000),
        exportTimeoutMillis: positive(env["OTEL_BSP_EXPORT_TIMEOUT"], 30_000),
      }),
    ],
  });
  const tracer = provider.getTracer("runner-relay", options.process.version);
  return {
    span({ name, kind, parent, attributes, startedAt }) {
      const settings = { kind: KINDS[kind], attributes: attributes as OtelAttributes };
      const span = tracer.startSpan(
        name,
        startedAt === undefined ? settings : { ...settings, startTime: startedAt },
        parentOf(parent),
      );
      return wrap(span);
    },
    async close() {
      let timer: NodeJS.Timeout | undefined;
      const enough = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, LAST_SPANS_MS);
      });
      await Promise.race([provider.shutdown().catch(() => undefined), enough]);
      clearTimeout(timer);
    },
  };
}

function wrap(span: OtelSpan): Span {
  return {
    context: contextOf(span),
    set: (attributes: Attributes) => void span.setAttributes(attributes),
    end(failure) {
      if (failure !== undefined) {
        span.setAttribute("error.type", failure);
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      if (span.isRecording()) span.end();
    },
  };
}

function contextOf(span: OtelSpan): TraceContext {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
  const tracestate = traceState?.serialize();
  return tracestate ? { traceparent, tracestate } : { traceparent };
}

/** W3C declares ids of zeros and the version `ff` invalid. In that case a new trace begins. */
function parentOf(parent: TraceContext | undefined): Context {
  if (parent === undefined || parent.traceparent.startsWith("ff")) return ROOT_CONTEXT;
  const [, traceId = "", spanId = "", flags = "00"] = parent.traceparent.split("-");
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & 1,
    isRemote: true,
    ...(parent.tracestate === undefined ? {} : { traceState: createTraceState(parent.tracestate) }),
  });
}

/** The resource of this process: `OTEL_SERVICE_NAME`, then `OTEL_RESOURCE_ATTRIBUTES`, then the process's own values. */
function resourceOf(env: Environment, { service, instance, version }: TracedProcess): Resource {
  const attributes: Record<string, string> = {
    "service.name": service,
    "service.namespace": "runner-relay",
    "service.instance.id": instance,
    "service.version": version,
    "telemetry.sdk.language": "nodejs",
    "telemetry.sdk.name": "opentelemetry",
  };
  for (const pair of (env["OTEL_RESOURCE_ATTRIBUTES"] ?? "").split(",")) {
    const [key, value] = pair.split("=").map((part) => part.trim());
    if (key && value !== undefined) attributes[key] = decodedAttribute(value);
  }
  if (env["OTEL_SERVICE_NAME"]) attributes["service.name"] = env["OTEL_SERVICE_NAME"];
  return resourceFromAttributes(attributes);
}

function decodedAttribute(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function samplerOf(env: Environment, log: Logger): Sampler {
  const name = env["OTEL_TRACES_SAMPLER"] || "parentbased_always_on";
  const argument = Number(env["OTEL_TRACES_SAMPLER_ARG"] || "1");
  const ratio = argument >= 0 && argument <= 1 ? argument : 1;
  switch (name) {
    case "always_on":
      return new AlwaysOnSampler();
    case "always_off":
      return new AlwaysOffSampler();
    case "traceidratio":
      return new TraceIdRatioBasedSampler(ratio);
    case "parentbased_always_off":
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case "parentbased_traceidratio":
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) });
    case "parentbased_always_on":
      break;
    default:
      log.warn({ sampler: name }, "unknown OTEL_TRACES_SAMPLER, using parentbased_always_on");
  }
  return new ParentBasedSampler({ root: new AlwaysOnSampler() });
}

function positive(text: string | undefined, fallback: number): number {
  const value = Number(text);
  return Number.isInteger(value) && value > 0 ? value : fallback;
}

/** Logs the SDK's own warnings at a limited rate, because a collector that is away fails every few seconds. */
function complaints(log: Logger): Parameters<typeof diag.setLogger>[0] {
  let last = -Infinity;
  const complain = (text: string): void => {
    const now = performance.now();
    if (now - last < COMPLAIN_EVERY_MS) return;
    last = now;
    log.warn({ detail: text.slice(0, 500) }, "traces are not sent");
  };
  const nothing = (): void => undefined;
  return { error: complain, warn: complain, info: nothing, debug: nothing, verbose: nothing };
}
