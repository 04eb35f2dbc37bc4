import { describe, expect, test } from "vitest";
import { ConnectionError, GatewayError, openSessions } from "../../../../src/client/sessions/index.ts";
import { broken, json, silent, startServer, type Step } from "../../../support/scripted-server.ts";
import { fastClock } from "./event-stream.ts";

/** Real time, which no answer takes, however loaded the machine is. */
const LONG_MS = 60_111;
/** For an attempt that is to end by its limit. */
const SHORT_MS = 1011;

function clientOf(server: { url: string }, clock = fastClock([LONG_MS]), timeoutMs = LONG_MS) {
  return openSessions({ url: server.url, key: "k1", timeoutMs, clock, random: () => 0.5 });
}

const made = json(201, { session_id: "s", user_id: "ann", created_at: "2026-01-01T00:00:00Z", metadata: {} });
const sessionBody = { session_id: "s", user_id: "ann", created_at: "" };
const problem = (status: number, code: string): Step => json(status, { detail: `it is ${code}`, code });

describe("calls", () => {
  test("a session is made with the key, under a name of the client", async () => {
    await using server = await startServer(made);
    const session = await clientOf(server).createSession({ workspace_dir: "/w" });
    expect(session).toMatchObject({ session_id: "s", created_at: "2026-01-01T00:00:00Z" });
    const [{ method, url, headers, body } = { headers: {} }] = server.seen;
    expect([method, url, headers["authorization"]]).toEqual(["POST", "/sessions", "Bearer k1"]);
    expect(body).toEqual({ workspace_dir: "/w", session_id: expect.stringMatching(/^ses_[0-9a-f]{32}$/) });
  });

  test("a repeat of a call is the same call, and waits as long as the server says", async () => {
    await using server = await startServer(
      broken,
      json(503, { code: "log_unreachable", detail: "later" }, { "retry-after": "7" }),
      problem(429, "too_many_requests"),
      json(502, "<html>bad gateway</html>", { "content-type": "text/html" }),
      made,
    );
    const clock = fastClock([LONG_MS]);
    await clientOf(server, clock).createSession();
    expect(server.seen).toHaveLength(5);
    expect(new Set(server.seen.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(clock.waits).toEqual([100, 7000, 400, 800]);
  });

  test("each call is the request that the contract names", async () => {
    await using server = await startServer(json(200, { ...sessionBody, turn_id: "t", seq: 4 }));
    const client = clientOf(server);
    await client.resume("s");
    await client.decide({ session_id: "s" }, "r1", { allow: false, message: "no" });
    await client.cancel({ session_id: "s", user_id: "a&b" }, "t1");
    await client.input("s", { input_id: "i", response: "yes" });
    await client.health();
    expect(await client.submit("s", { user_input: "hi", client_turn_id: "t", when_busy: "reject" })).toEqual({
      turn_id: "t",
      seq: 4,
    });
    expect(server.seen.map(({ method, url, body }) => [method, url, body])).toEqual([
      ["GET", "/sessions/s", undefined],
      ["POST", "/sessions/s/permissions/r1", { allow: false, message: "no" }],
      ["POST", "/sessions/s/turns/t1/cancel?user_id=a%26b", {}],
      ["POST", "/sessions/s/input", { input_id: "i", response: "yes" }],
      ["GET", "/health", undefined],
      ["POST", "/sessions/s/turns", { user_input: "hi", client_turn_id: "t", when_busy: "reject" }],
    ]);
  });

  test("a list is read page by page, and no further than its reader goes", async () => {
    const page = (ids: string[], next: number | null): Step =>
      json(200, { sessions: ids.map((id) => ({ ...sessionBody, session_id: id })), next });
    await using server = await startServer(page(["a", "b"], 7), page(["c"], null));
    const client = clientOf(server);
    const ids: string[] = [];
    for await (const { session_id } of client.list({ user_id: "ann" })) ids.push(session_id);
    expect(ids).toEqual(["a", "b", "c"]);
    expect(server.seen.map(({ url }) => url)).toEqual([
      "/sessions?user_id=ann",
      "/sessions?user_id=ann&after=7",
    ]);
    for await (const _ of client.list()) break;
    expect(server.seen).toHaveLength(3);
  });

  test("a deletion whose answer was lost is one", async () => {
    await using server = await startServer(broken, problem(404, "session_unknown"));
    await clientOf(server).delete("s");
    await expect(clientOf(server).delete("s")).rejects.toMatchObject({ status: 404 });
  });

  test("an input is named by the client, so that a repeat is the same one", async () => {
    await using server = await startServer(broken, json(202, {}));
    await clientOf(server).input("s", { response: 5 });
    const [one, two] = server.seen.map(({ body }) => body);
    expect(one).toEqual({ response: 5, input_id: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(two).toEqual(one);
  });

  test("turns are listed as sessions are", async () => {
    const page = (ids: string[], next: number | null): Step =>
      json(200, { turns: ids.map((turn_id) => ({ turn_id, status: "finished" })), next });
    await using server = await startServer(page(["a"], 9), page(["b"], null), json(200, { turns: [{}] }));
    const client = clientOf(server);
    expect(await Array.fromAsync(client.turns("s"))).toMatchObject([{ turn_id: "a" }, { turn_id: "b" }]);
    expect(server.seen.map(({ url }) => url)).toEqual(["/sessions/s/turns", "/sessions/s/turns?after=9"]);
    await expect(Array.fromAsync(client.turns("s"))).rejects.toMatchObject({ code: "bad_answer" });
  });
});

describe("what is no answer", () => {
  test.each<[string, Step, object]>([
    [
      "a refusal with a code",
      problem(404, "session_unknown"),
      { code: "session_unknown", status: 404, message: "404: it is session_unknown" },
    ],
    [
      "without a code",
      json(404, "gone fishing"),
      { code: "not_found", status: 404, message: "404: gone fishing" },
    ],
    ["401", json(401, {}), { code: "unauthorized", status: 401 }],
    ["403", json(403, {}), { code: "forbidden", status: 403 }],
    ["409", json(409, {}), { code: "refused", status: 409 }],
    ["500", json(500, ""), { code: "unavailable", status: 500, message: "500: no reason given" }],
    ["a redirect", json(302, "", { location: "http://127.0.0.1:1/" }), { code: "refused", status: 302 }],
    ["no JSON", json(200, "hello"), { code: "bad_answer", status: 200 }],
    ["JSON of another kind", json(200, []), { code: "bad_answer", status: 200 }],
    ["no session", json(200, { session_id: 5 }), { code: "bad_answer", status: 200 }],
    [
      "too much",
      json(200, `{"a":"${"x".repeat(17 * 1024 * 1024)}"}`),
      { code: "answer_too_large", status: 200 },
    ],
    [
      "a refusal without an end",
      json(400, "x".repeat(300 * 1024)),
      { code: "answer_too_large", status: 400 },
    ],
  ])("%s is an error with a code, at once", async (_, step, expected) => {
    await using server = await startServer(step);
    const failed: unknown = await clientOf(server)
      .resume("s")
      .catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(GatewayError);
    expect(failed).toMatchObject(expected);
    expect(server.seen).toHaveLength(1);
  });

  test.each([
    ["without `next` that goes on", { sessions: [], next: "" }],
    ["without sessions", {}],
    ["with a session that is none", { sessions: [5] }],
  ])("a list %s", async (_, body) => {
    await using server = await startServer(json(200, body));
    const all = Array.fromAsync(clientOf(server).list());
    await expect(all).rejects.toMatchObject({ code: "bad_answer" });
  });

  test("a server that stays away is a connection error, not a gateway's", async () => {
    await using server = await startServer(broken);
    const failed: unknown = await clientOf(server)
      .resume("s")
      .catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(ConnectionError);
    expect(failed).not.toBeInstanceOf(GatewayError);
    expect(failed).toMatchObject({ code: "unreachable", cause: expect.anything() as unknown });
    expect(server.seen.length).toBeGreaterThan(5);
  });

  test("a server that says nothing has a time limit", async () => {
    await using server = await startServer(silent);
    const client = openSessions({
      url: server.url,
      timeoutMs: SHORT_MS,
      clock: fastClock([SHORT_MS]),
      retry: { totalMs: 0 },
    });
    await expect(client.resume("s")).rejects.toMatchObject({ code: "timeout" });
  });
});

describe("an end", () => {
  test("a signal ends a call, with its reason, also while it waits for its next attempt", async () => {
    await using server = await startServer(silent);
    const abort = new AbortController();
    const reason = new Error("enough");
    const asked = clientOf(server).resume("s", { signal: abort.signal });
    await expect.poll(() => server.seen.length).toBe(1);
    abort.abort(reason);
    await expect(asked).rejects.toBe(reason);
    await expect(clientOf(server).resume("s", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(server.seen).toHaveLength(1);

    await using refusing = await startServer(json(503, {}, { "retry-after": "9" }));
    const waiting = new AbortController();
    const clock = fastClock([LONG_MS, 9000]);
    const later = clientOf(refusing, clock).resume("s", { signal: waiting.signal });
    await expect.poll(() => refusing.seen.length).toBe(1);
    waiting.abort(reason);
    await expect(later).rejects.toBe(reason);
  });

  test("`await using` ends what is under way", async () => {
    await using server = await startServer(silent);
    let asked: Promise<unknown> = Promise.resolve();
    {
      await using client = clientOf(server);
      asked = client.resume("s").catch((error: unknown) => error);
      await expect.poll(() => server.seen.length).toBe(1);
    }
    expect(await asked).toMatchObject({ name: "ConnectionError", code: "closed" });
  });

  test("an id that cannot be sent is not sent", async () => {
    await using server = await startServer(made);
    await expect(clientOf(server).resume("a/b")).rejects.toMatchObject({
      code: "id_invalid",
      status: undefined,
    });
    expect(server.seen).toHaveLength(0);
    expect(() => openSessions({ url: "host:8002" })).toThrow(GatewayError);
  });
});
