import { randomBytes } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { startCoordinator } from "../../support/coordinator.ts";
import { dataFolder, startUp, type Up } from "../../support/up.ts";
import { startCollector, type Collector, type CollectedSpan } from "./collector.ts";
import { eventually } from "../../support/eventually.ts";

const SERVER = 2;
const CLIENT = 3;
const PRODUCER = 4;
const CONSUMER = 5;
/** Stands in the body, where nobody who looks at traces has any business. */
const CONTENT = "the-content-of-the-session";

async function folder(): Promise<string> {
  const it = await dataFolder();
  onTestFinished(() => it[Symbol.asyncDispose]());
  return it.path;
}

function tracedBy(collector: Pick<Collector, "url">): Record<string, string> {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20collector-secret",
    OTEL_BSP_SCHEDULE_DELAY: "50",
    RUNNER_RELAY_API_KEY: "coordinator-secret",
  };
}

function newTrace(): { traceId: string; spanId: string; traceparent: string } {
  const traceId = randomBytes(16).toString("hex");
  const spanId = randomBytes(8).toString("hex");
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-01` };
}

function post(gateway: string, session: string, headers: Record<string, string>): Promise<Response> {
  return fetch(`${gateway}/sessions/${session}/events?token=in-the-query`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({
      session_id: session,
      event_type: "message",
      timestamp: "2026-01-01T00:00:00Z",
      marker: CONTENT,
    }),
  });
}

async function spansOf(collector: Collector, traceId: string, count: number): Promise<CollectedSpan[]> {
  return await eventually(() => {
    const found = collector.spans().filter((span) => span.traceId === traceId);
    expect(found.length).toBeGreaterThanOrEqual(count);
    return found.toSorted((a, b) => a.startMs - b.startMs);
  });
}

function lines(up: Up): Record<string, unknown>[] {
  return up.output.stderr.split("\n").flatMap((line) => {
    if (!line.startsWith("{") || !line.endsWith("}")) return [];
    return [JSON.parse(line) as Record<string, unknown>];
  });
}

test("one event with a retry: gateway, log and every attempt under the executor's own trace id, and both logs name it", async () => {
  await using collector = await startCollector();
  await using coordinator = await startCoordinator();
  coordinator.createSession("ses_traced");
  coordinator.faults.set([
    { method: "POST", path: "/events$", action: { kind: "sequence", statuses: [503, 500] } },
  ]);
  const up = startUp(await folder(), {
    args: ["--coordinator", coordinator.url, "--log-level", "debug"],
    env: tracedBy(collector),
  });
  const { gateway } = await up.ready();
  const executor = newTrace();
  const answer = await post(gateway, "ses_traced", {
    traceparent: executor.traceparent,
    tracestate: "vendor=opaque",
    "x-request-id": "request-1",
  });
  expect(answer.ok).toBe(true);
  await eventually(() => expect(coordinator.writes("ses_traced").map(({ status }) => status)).toContain(201));

  const spans = await spansOf(collector, executor.traceId, 6);
  const only = (kind: number): CollectedSpan => {
    const [span, ...more] = spans.filter((it) => it.kind === kind);
    if (span === undefined || more.length > 0) throw new Error(`${more.length + 1} spans of kind ${kind}`);
    return span;
  };
  const server = only(SERVER);
  const stored = only(PRODUCER);
  const waited = only(CONSUMER);
  const attempts = spans.filter(({ kind }) => kind === CLIENT);
  expect(server).toMatchObject({
    service: "runner-relay-gateway",
    name: "POST /sessions/{session_id}/events",
    parentSpanId: executor.spanId,
    failed: false,
    attributes: { "http.request.method": "POST", "http.response.status_code": answer.status },
  });
  expect(stored).toMatchObject({
    service: "runner-relay-gateway",
    name: "publish RR_EVENTS",
    parentSpanId: server.spanId,
    failed: false,
    attributes: { "messaging.system": "nats", "runner_relay.session.id": "ses_traced" },
  });
  expect(waited).toMatchObject({
    service: "runner-relay-relay",
    name: "receive RR_EVENTS",
    parentSpanId: stored.spanId,
  });
  expect(attempts.map(({ parentSpanId }) => parentSpanId)).toEqual(Array(3).fill(stored.spanId));
  expect(
    attempts.map(({ failed, attributes: it }) => [
      it["runner_relay.attempt"],
      it["http.response.status_code"],
      it["runner_relay.verdict"],
      failed,
    ]),
  ).toEqual([
    [1, 503, "retry", true],
    [2, 500, "retry", true],
    [3, 201, "delivered", false],
  ]);
  expect(stored.startMs, "the parts come one after the other").toBeGreaterThanOrEqual(server.startMs);
  expect(waited.endMs).toBeLessThanOrEqual(attempts[0]?.startMs ?? 0);

  const arrivals = coordinator.writes("ses_traced");
  expect(
    arrivals.map(({ headers }) => headers?.["traceparent"]),
    "the coordinator's spans are below each attempt's",
  ).toEqual(attempts.map(({ spanId }) => `00-${executor.traceId}-${spanId}-01`));
  for (const { headers } of arrivals) expect(headers?.["tracestate"]).toBe("vendor=opaque");

  const event = stored.attributes["runner_relay.event.id"];
  expect(arrivals.map(({ key }) => key)).toEqual(Array(3).fill(event));
  const log = lines(up).filter((line) => line["event"] === event);
  for (const line of log) expect(line).toMatchObject({ trace: executor.traceId, session: "ses_traced" });
  expect(log.map(({ name, msg }) => `${String(name)}: ${String(msg)}`).toSorted()).toEqual([
    "gateway: write answered",
    "relay: forwarded",
    "relay: forwarded",
    "relay: forwarded",
  ]);
  expect(log.find(({ name }) => name === "gateway")).toMatchObject({ request: "request-1" });

  await up.stop();
  for (const headers of collector.headers()) expect(headers.authorization).toBe("Bearer collector-secret");
  const everything = collector.texts().join("\n");
  for (const secret of [CONTENT, "collector-secret", "coordinator-secret", "in-the-query"]) {
    expect(everything, "CRED-1: no content, query or credential in a trace").not.toContain(secret);
  }
  expect(up.output.stderr, "CRED-1").not.toContain("collector-secret");
});

test("a passed-through request: a server span, a client span below it, one id in both logs", async () => {
  await using collector = await startCollector();
  await using coordinator = await startCoordinator();
  coordinator.createSession("ses_1");
  const up = startUp(await folder(), {
    args: ["--coordinator", coordinator.url, "--log-level", "debug"],
    env: { ...tracedBy(collector), OTEL_SERVICE_NAME: "mine" },
  });
  const { gateway } = await up.ready();
  const executor = newTrace();
  const ask = (id: string, headers: Record<string, string>): Promise<Response> =>
    fetch(`${gateway}/sessions/ses_1/status?token=in-the-query`, {
      headers: { "x-request-id": id, ...headers },
    });
  expect((await ask("request-7", { traceparent: executor.traceparent })).status).toBe(200);

  const spans = await spansOf(collector, executor.traceId, 2);
  const server = spans.find(({ kind }) => kind === SERVER);
  const client = spans.find(({ kind }) => kind === CLIENT);
  expect(spans).toHaveLength(2);
  expect(server).toMatchObject({
    service: "mine",
    parentSpanId: executor.spanId,
    attributes: { "url.path": "/sessions/ses_1/status", "http.response.status_code": 200 },
  });
  expect(client).toMatchObject({
    parentSpanId: server?.spanId,
    attributes: { "http.response.status_code": 200, "server.address": "127.0.0.1" },
  });
  const asked = coordinator.ledger().filter(({ path }) => path === "/sessions/ses_1/status");
  expect(asked.map(({ headers }) => headers?.["traceparent"])).toEqual([
    `00-${executor.traceId}-${client?.spanId}-01`,
  ]);

  expect((await ask('"; DROP" %0a', {})).status).toBe(200);
  const passed = await eventually(() => {
    const found = lines(up).filter(({ msg }) => msg === "request passed through");
    expect(found).toHaveLength(4);
    return found;
  });
  const ofFirst = passed.filter(({ request }) => request === "request-7");
  expect(ofFirst.map(({ name }) => String(name)).toSorted()).toEqual(["gateway", "relay"]);
  for (const line of ofFirst) expect(line).toMatchObject({ trace: executor.traceId, status: 200 });
  const [one, two] = passed.filter(({ request }) => request !== "request-7");
  expect(one?.["request"], "an id that is not sane is replaced").toMatch(/^[\w-]+$/);
  expect(two?.["request"]).toBe(one?.["request"]);
  expect(up.output.stderr, "a query may hold anything").not.toContain("in-the-query");
  await up.stop();
});

test("a collector that hangs delays nothing and loses no event; one that is away neither, and a stop is prompt", async () => {
  await using hanging = await startCollector({ hang: true });
  await using coordinator = await startCoordinator();
  for (const collector of [hanging, { url: "http://127.0.0.1:9" }]) {
    const session = `ses_${collector.url.length}`;
    coordinator.createSession(session);
    const up = startUp(await folder(), {
      args: ["--coordinator", coordinator.url],
      // a queue of 16 spans, so that most are dropped
      env: { ...tracedBy(collector), OTEL_BSP_MAX_QUEUE_SIZE: "16", OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "8" },
    });
    const { gateway } = await up.ready();
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => post(gateway, session, {})));
      for (const { ok } of answers) expect(ok).toBe(true);
    }
    await eventually(() => expect(coordinator.writes(session)).toHaveLength(100));
    // an export begins 50 ms after its first span; a loaded machine is later than its events
    if (collector === hanging) await expect.poll(() => hanging.headers().length).toBeGreaterThan(0);
    const { code } = await up.stop();
    expect(code).toBe(0);
    expect(up.output.stderr).not.toContain("did not stop in time");
  }
});

test("without the variables the executor's context reaches the coordinator unchanged", async () => {
  await using coordinator = await startCoordinator();
  coordinator.createSession("ses_1");
  const up = startUp(await folder(), { args: ["--coordinator", coordinator.url] });
  const { gateway } = await up.ready();
  const executor = newTrace();
  const headers = { traceparent: executor.traceparent, tracestate: "vendor=opaque" };
  expect((await post(gateway, "ses_1", headers)).ok).toBe(true);
  await fetch(`${gateway}/sessions/ses_1/status`, { headers });
  const seen = coordinator.ledger().filter((entry) => entry.session === "ses_1");
  expect(seen).toHaveLength(2);
  for (const arrival of seen) expect(arrival.headers).toMatchObject(headers);
  await up.stop();
});
