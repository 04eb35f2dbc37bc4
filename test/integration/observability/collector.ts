import type { IncomingHttpHeaders } from "node:http";
import { serveHttp } from "../../support/http-server.ts";

/** A span as it arrived, its attributes as a record. */
export type CollectedSpan = {
  service: string;
  name: string;
  kind: number;
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  startMs: number;
  endMs: number;
  failed: boolean;
  attributes: Record<string, string | number | boolean>;
};

export type Collector = {
  url: string;
  spans(): CollectedSpan[];
  /** Of every export. */
  headers(): IncomingHttpHeaders[];
  /** Bodies as text, for what must not be in them. */
  texts(): string[];
  [Symbol.asyncDispose](): Promise<void>;
};

type Value = { stringValue?: string; intValue?: string | number; doubleValue?: number; boolValue?: boolean };
type Pair = { key: string; value: Value };
type Export = {
  resourceSpans: {
    resource: { attributes: Pair[] };
    scopeSpans: {
      spans: {
        name: string;
        kind: number;
        traceId: string;
        spanId: string;
        parentSpanId?: string;
        startTimeUnixNano: string;
        endTimeUnixNano: string;
        status?: { code?: number };
        attributes: Pair[];
      }[];
    }[];
  }[];
};

/** A collector that speaks OTLP by JSON over HTTP. `hang`: takes requests and never answers. */
export async function startCollector(options: { hang?: boolean } = {}): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  const texts: string[] = [];
  const server = await serveHttp((response, { target, body }) => {
    if (options.hang) return;
    texts.push(body);
    if (target === "/v1/traces") spans.push(...spansOf(JSON.parse(body) as Export));
    response.setHeader("content-type", "application/json").end("{}");
  });
  return {
    url: server.url,
    spans: () => spans,
    headers: () => server.got.map(({ headers }) => headers),
    texts: () => texts,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function spansOf(sent: Export): CollectedSpan[] {
  return sent.resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(record(resource.attributes)["service.name"]);
    return scopeSpans.flatMap((scope) =>
      scope.spans.map((span) => ({
        service,
        name: span.name,
        kind: span.kind,
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId || undefined,
        startMs: Number(BigInt(span.startTimeUnixNano) / 1000n) / 1000,
        endMs: Number(BigInt(span.endTimeUnixNano) / 1000n) / 1000,
        failed: span.status?.code === 2,
        attributes: record(span.attributes),
      })),
    );
  });
}

function record(pairs: readonly Pair[]): Record<string, string | number | boolean> {
  return Object.fromEntries(
    pairs.map(({ key, value }) => [
      key,
      value.stringValue ??
        value.boolValue ??
        value.doubleValue ??
        (value.intValue === undefined ? "" : Number(value.intValue)),
    ]),
  );
}
