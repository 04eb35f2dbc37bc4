import { describe, expect, test } from "vitest";
import { createSessionClient, type ClientClock } from "../../../src/client/index.ts";
import { broken, json, silent, startServer } from "../../support/scripted-server.ts";

const accepted = json(
  202,
  { ok: true, status: "accepted", event_id: "e1", stream_seq: 7 },
  { location: "/_relay/deliveries/e1?seq=7" },
);

/** Time that passes when it is waited for, but for the time-outs of attempts, which are real. */
function fastClock(attemptMs: number): ClientClock & { waits: number[] } {
  let now = 0;
  const waits: number[] = [];
  return {
    waits,
    now: () => now,
    wall: () => now,
    after(ms, fn) {
      if (ms === attemptMs) {
        const timer = setTimeout(fn, ms);
        return () => clearTimeout(timer);
      }
      waits.push(ms);
      now += ms;
      const soon = setImmediate(fn);
      return () => clearImmediate(soon);
    },
  };
}

/** Real time, which no answer takes, however loaded the machine is. */
const TIMEOUT_MS = 60_111;
/** For an attempt that is to end by its limit. */
const SHORT_MS = 2011;

function clientOf(gateway: { url: string }, clock = fastClock(TIMEOUT_MS), timeoutMs = TIMEOUT_MS) {
  return createSessionClient({ baseUrl: gateway.url, timeoutMs, clock, random: () => 0.5 });
}

describe("writes", () => {
  test("speak the executor's routes", async () => {
    await using gateway = await startServer(json(201, { ok: true }));
    const client = clientOf(gateway);
    await client.bind("s 1", { executorSessionId: "x", projectDir: "/p" });
    await client.addEvent("s 1", { event_type: "message", role: "user" });
    await client.updateSession("s 1", { last_resumed_at: "t" });
    expect(gateway.seen).toMatchObject([
      {
        method: "POST",
        url: "/bind",
        body: { session_id: "s 1", executor_session_id: "x", project_dir: "/p" },
      },
      {
        method: "POST",
        url: "/events",
        body: {
          session_id: "s 1",
          event_type: "message",
          role: "user",
          timestamp: "1970-01-01T00:00:00.000Z",
        },
      },
      { method: "PATCH", url: "/metadata", body: { session_id: "s 1", last_resumed_at: "t" } },
    ]);
    const keys = gateway.seen.map(({ headers }) => headers["idempotency-key"]);
    expect(new Set(keys).size).toBe(3);
  });

  test("hand the coordinator's own answer back", async () => {
    await using gateway = await startServer(json(200, { ok: true, session: { session_id: "s" } }));
    const result = await clientOf(gateway).bind("s", { executorSessionId: "x" });
    expect(result).toEqual({
      accepted: false,
      status: 200,
      body: { ok: true, session: { session_id: "s" } },
    });
  });

  test("ONCE-1: are repeated after breaks, time-outs and 503 with the same key and the same body", async () => {
    const busy = json(503, { detail: "stopping", code: "gateway_stopping" });
    await using gateway = await startServer(broken, silent, busy, json(201, { ok: true }));
    const client = clientOf(gateway, fastClock(SHORT_MS), SHORT_MS);
    const result = await client.addEvent("s", { event_type: "message" });
    expect(result).toMatchObject({ accepted: false, status: 201 });
    expect(gateway.seen).toHaveLength(4);
    expect(new Set(gateway.seen.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
    expect(new Set(gateway.seen.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  });

  test("ONCE-1: are repeated after other answers that are named, with the same key", async () => {
    const away = json(502, { detail: "Failed to connect" });
    await using gateway = await startServer(away, json(429, { detail: "later" }), json(201, { ok: true }));
    const { url: baseUrl } = gateway;
    const times = { clock: fastClock(TIMEOUT_MS), timeoutMs: TIMEOUT_MS };
    const client = createSessionClient({ baseUrl, ...times, retryStatuses: [429, 502] });
    expect(await client.addEvent("s", { event_type: "message" })).toMatchObject({ status: 201 });
    expect(gateway.seen).toHaveLength(3);
    expect(new Set(gateway.seen.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
  });

  test("wait as long as the server asks for", async () => {
    const busy = json(503, { detail: "x", code: "log_full" }, { "retry-after": "3" });
    await using gateway = await startServer(busy, json(201, { ok: true }));
    const clock = fastClock(TIMEOUT_MS);
    await clientOf(gateway, clock).addEvent("s", { event_type: "message" });
    expect(clock.waits).toEqual([3000]);
  });

  test("give up after the whole time, with the last failure", async () => {
    await using gateway = await startServer(json(503, { detail: "The log is full", code: "log_full" }));
    const clock = fastClock(TIMEOUT_MS);
    const failing = clientOf(gateway, clock).addEvent("s", { event_type: "message" });
    await expect(failing).rejects.toMatchObject({ code: "log_full", status: 503 });
    expect(clock.now()).toBeLessThanOrEqual(30_000);
    expect(gateway.seen.length).toBeGreaterThan(5);
  });

  test.each([
    [json(422, { detail: [] }), { code: "refused", status: 422 }],
    [json(404, { detail: "Session not found" }), { code: "not_found", status: 404 }],
    [json(502, "<html>"), { code: "unavailable", status: 502 }],
    [json(200, "<html>"), { code: "bad_answer", status: 200 }],
    [json(307, {}, { location: "http://127.0.0.1:1/elsewhere" }), { code: "unavailable", status: 307 }],
  ])("are not repeated after any other answer (%#)", async (step, error) => {
    await using gateway = await startServer(step);
    await expect(clientOf(gateway).bind("s", { executorSessionId: "x" })).rejects.toMatchObject(error);
    expect(gateway.seen).toHaveLength(1);
  });
});

describe("an accepted write", () => {
  test("is a success with its receipt", async () => {
    await using gateway = await startServer(accepted);
    const client = clientOf(gateway, fastClock(SHORT_MS), SHORT_MS);
    const result = await client.addEvent("s", { event_type: "message" });
    expect(result).toEqual({ accepted: true, eventId: "e1", location: "/_relay/deliveries/e1?seq=7" });
  });

  test("can be followed until it is delivered, over receipts that fail", async () => {
    const pending = json(200, { state: "pending", seq: 7 });
    const settled = json(200, { state: "delivered", seq: 7 });
    await using gateway = await startServer(accepted, pending, json(503, { detail: "x" }), broken, settled);
    const result = await clientOf(gateway).addEvent(
      "s",
      { event_type: "message" },
      { waitForDelivery: 5000 },
    );
    expect(result).toMatchObject({ accepted: true, delivery: "delivered" });
    expect(gateway.seen.slice(1).map(({ url }) => url)).toEqual(Array(4).fill("/_relay/deliveries/e1?seq=7"));
  });

  test("is still pending when the wait is over", async () => {
    await using gateway = await startServer(accepted, json(200, { state: "pending", seq: 7 }));
    const result = await clientOf(gateway).addEvent(
      "s",
      { event_type: "message" },
      { waitForDelivery: 1000 },
    );
    expect(result).toMatchObject({ delivery: "pending" });
  });

  test("that the coordinator refused is an error with its reason", async () => {
    const dead = json(200, { state: "dead", seq: 7, reason: "422 Field required", status: 422 });
    await using gateway = await startServer(accepted, dead);
    const failing = clientOf(gateway).addEvent("s", { event_type: "message" }, { waitForDelivery: 1000 });
    await expect(failing).rejects.toMatchObject({ code: "dead_letter", status: 422 });
  });

  test("below the retention is gone", async () => {
    await using gateway = await startServer(accepted, json(410, { detail: "gone", code: "receipt_gone" }));
    const result = await clientOf(gateway).addEvent(
      "s",
      { event_type: "message" },
      { waitForDelivery: 1000 },
    );
    expect(result).toMatchObject({ delivery: "gone" });
  });
});

describe("reads", () => {
  test("are tried once", async () => {
    await using gateway = await startServer(broken, json(200, { status: "running" }));
    await expect(clientOf(gateway).getStatus("s")).rejects.toMatchObject({ code: "unreachable" });
    expect(gateway.seen).toHaveLength(1);
  });

  test("ask the coordinator's routes", async () => {
    const affinity = { session_id: "s", hostname: "h", project_dir: null, executor_profile: "p" };
    await using gateway = await startServer(
      json(200, { session: { session_id: "s", status: "running" } }),
      json(200, { status: "running" }),
      json(200, { result_text: "r", result_data: null }),
      json(200, { affinity }),
      json(200, { sessions: [] }),
      json(200, { ok: true }),
    );
    const client = clientOf(gateway);
    expect(await client.getSession("s?#")).toEqual({ session_id: "s", status: "running" });
    expect(await client.getStatus("s")).toBe("running");
    expect(await client.getResult("s")).toEqual({ result_text: "r", result_data: null });
    expect(await client.getAffinity("s")).toEqual(affinity);
    expect(await client.listSessions()).toEqual([]);
    expect(await client.deleteSession("s")).toEqual({ ok: true });
    expect(gateway.seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "GET /sessions/s%3F%23",
      "GET /sessions/s/status",
      "GET /sessions/s/result",
      "GET /sessions/s/affinity",
      "GET /sessions",
      "DELETE /sessions/s",
    ]);
  });

  test.each(["", ".", "..", "a/../../runs", "a\\b", "\ud800"])("of %j silent leave", async (id) => {
    await using gateway = await startServer();
    await expect(clientOf(gateway).getSession(id)).rejects.toMatchObject({ code: "session_id_invalid" });
    await expect(clientOf(gateway).bind(id, { executorSessionId: "x" })).rejects.toMatchObject({
      code: "session_id_invalid",
    });
    expect(gateway.seen).toEqual([]);
  });
});

test("a base URL with a path keeps it", async () => {
  await using gateway = await startServer(json(200, { status: "running" }));
  await createSessionClient({ baseUrl: `${gateway.url}/prefix/` }).getStatus("s");
  await createSessionClient({ baseUrl: `${gateway.url}/prefix` }).getStatus("s");
  expect(gateway.seen.map(({ url }) => url)).toEqual(Array(2).fill("/prefix/sessions/s/status"));
});

test("a gateway's token is sent with every request, and none is made up", async () => {
  await using gateway = await startServer(json(200, { status: "running", ok: true }));
  const client = createSessionClient({ baseUrl: gateway.url, token: "t0ken" });
  await client.getStatus("s");
  await client.addEvent("s", { event_type: "message" });
  await clientOf(gateway).getStatus("s");
  expect(gateway.seen.map(({ headers }) => headers.authorization)).toEqual([
    "Bearer t0ken",
    "Bearer t0ken",
    undefined,
  ]);
});
