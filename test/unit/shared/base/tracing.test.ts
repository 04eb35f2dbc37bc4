import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { pino } from "pino";
import { requestIdOf, templateOf } from "../../../../src/gateway/route/passage.ts";
import { matchRoute } from "../../../../src/gateway/route/routes.ts";
import { createTracing } from "../../../../src/shared/base/otel.ts";
import { SecretRegistry, silentLogger } from "../../../../src/shared/base/logger.ts";
import { startTracing, traceIdOf, traceOf, withTrace } from "../../../../src/shared/base/tracing.ts";

const ROOT = resolve(import.meta.dirname, "../../../..");
const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const PROCESS = { service: "s", instance: "i", version: "1" };
/** Nobody listens there, and nothing is sent in a test's time. */
const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" };

async function start(env: Record<string, string>, lines: string[] = [], secrets = new SecretRegistry()) {
  const log = pino({ level: "warn" }, { write: (line: string) => void lines.push(line) });
  const tracing = await startTracing({ env, process: PROCESS, log, secrets });
  onTestFinished(() => tracing?.close());
  return tracing;
}

describe("whether there are traces", () => {
  test.each([
    [{}, false],
    [ENDPOINT, true],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://127.0.0.1:9/v1/traces" }, true],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "" }, false],
    [{ OTEL_SERVICE_NAME: "mine", OTEL_EXPORTER_OTLP_HEADERS: "a=bcde" }, false],
    [{ ...ENDPOINT, OTEL_SDK_DISABLED: "true" }, false],
    [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: "none" }, false],
    [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, false],
    [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf" }, true],
  ])("%j: %s", async (env, expected) => {
    const tracing = await start(env);
    expect(tracing !== undefined).toBe(expected);
  });

  test("only otel.ts knows OpenTelemetry, and only a dynamic import knows otel.ts: without the variables nothing of it is loaded", () => {
    const files = globSync("src/**/*.ts", { cwd: ROOT });
    const naming = (pattern: RegExp): string[] =>
      files.filter((file) => pattern.test(readFileSync(resolve(ROOT, file), "utf8")));
    expect(naming(/from "@opentelemetry\//)).toEqual(["src/shared/base/otel.ts"]);
    expect(naming(/from "[./\w]+\/otel\.ts"/)).toEqual([]);
    expect(naming(/await import\("\.\/otel\.ts"\)/)).toEqual(["src/shared/base/tracing.ts"]);
  });

  test("CRED-1: the collector's headers are hidden in every form", async () => {
    const secrets = new SecretRegistry();
    await start(
      { OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20s3cret-token,x-key=k3y-of-mine" },
      [],
      secrets,
    );
    for (const text of ["s3cret-token", "Bearer s3cret-token", "Bearer%20s3cret-token", "k3y-of-mine"])
      expect(secrets.hide(`said ${text} aloud`)).toBe("said [secret] aloud");
  });

  test("an unknown sampler is reported, and the default is used", async () => {
    const lines: string[] = [];
    const tracing = await start({ ...ENDPOINT, OTEL_TRACES_SAMPLER: "sometimes" }, lines);
    expect(lines.join("")).toContain("sometimes");
    expect(flags(tracing?.span(root).context.traceparent)).toBe("01");
  });
});

const root = { name: "n", kind: "server", parent: undefined, attributes: {} } as const;

function flags(traceparent: string | undefined): string | undefined {
  return traceparent?.slice(-2);
}

describe("spans", () => {
  test.each([
    ["always_on", "00", "01"],
    ["always_off", "01", "00"],
    ["parentbased_always_on", "00", "00"],
    ["parentbased_always_off", "01", "01"],
    ["traceidratio", "01", "00"],
    ["parentbased_traceidratio", "01", "01"],
  ])("%s, of an executor that says %s: %s", (sampler, said, expected) => {
    const tracing = createTracing({
      env: { ...ENDPOINT, OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: "0" },
      process: PROCESS,
      log: silentLogger(),
    });
    onTestFinished(() => tracing.close());
    const parent = { traceparent: TRACEPARENT.slice(0, -2) + said, tracestate: "vendor=1" };
    const { context } = tracing.span({ ...root, parent });
    expect(traceIdOf(context)).toBe(traceIdOf(parent));
    expect(flags(context.traceparent)).toBe(expected);
    expect(context.traceparent.slice(36, 52)).not.toBe(parent.traceparent.slice(36, 52));
    expect(context.tracestate).toBe("vendor=1");
  });

  test.each([`00-${"0".repeat(32)}-b7ad6b7169203331-01`, TRACEPARENT.replace(/^00/, "ff")])(
    "below %s a new trace begins",
    (traceparent) => {
      const tracing = createTracing({ env: ENDPOINT, process: PROCESS, log: silentLogger() });
      onTestFinished(() => tracing.close());
      const { context } = tracing.span({ ...root, parent: { traceparent } });
      expect(traceIdOf(context)).not.toBe(traceIdOf({ traceparent }));
      expect(context.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    },
  );
});

describe("what is read of headers", () => {
  test.each([
    [{}, undefined],
    [{ traceparent: "00-zz" }, undefined],
    [{ traceparent: TRACEPARENT.toUpperCase() }, undefined],
    [{ tracestate: "a=1" }, undefined],
    [{ traceparent: TRACEPARENT }, { traceparent: TRACEPARENT }],
    [
      { traceparent: TRACEPARENT, tracestate: "a=1,b=2" },
      { traceparent: TRACEPARENT, tracestate: "a=1,b=2" },
    ],
    [{ traceparent: TRACEPARENT, tracestate: "x".repeat(513) }, { traceparent: TRACEPARENT }],
    [{ traceparent: TRACEPARENT, tracestate: "a=\u00e9" }, { traceparent: TRACEPARENT }],
  ])("context of %j", (headers, expected) => expect(traceOf(headers)).toEqual(expected));

  test("a context takes the place of what is there, in whatever spelling", () => {
    const raw = ["Accept", "*/*", "TraceParent", "old", "tracestate", "old=1", "X", "y"];
    expect(withTrace(raw, { traceparent: TRACEPARENT })).toEqual([
      "Accept",
      "*/*",
      "X",
      "y",
      "traceparent",
      TRACEPARENT,
    ]);
  });

  test.each([
    ["4f1c-a.b:c_d", true],
    ["a", true],
    ["", false],
    ["-a", false],
    ["a b", false],
    ['a"b', false],
    ["a\u00e9", false],
    ["x".repeat(129), false],
  ])("request id %j: %s", (id, sane) => {
    expect(requestIdOf({ "x-request-id": id })).toBe(sane ? id : undefined);
  });

  test.each([
    ["POST", "/events", "/events"],
    ["POST", "//sessions/a%20b/EVENTS?x=1", "/sessions/{session_id}/events"],
    ["PATCH", "/metadata", "/metadata"],
    ["POST", "/sessions/a/bind/", "/sessions/{session_id}/bind"],
    ["POST", "/runner/runs/r1/started", "/runner/runs/{run_id}/started"],
    ["POST", "/runner/sessions/s/status", "/runner/sessions/{session_id}/status"],
  ])("%s %s is %s", (method, target, template) => {
    const route = matchRoute(method, target);
    expect(route.kind === "write" && templateOf(route)).toBe(template);
  });
});
