import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { verdictOf, type AttemptResult, type Verdict } from "../../../../src/relay/coordinator/verdict.ts";
import { KINDS } from "../../../../src/shared/log/schema/subjects.ts";

const JSON_TYPE = "application/json";
const WALL = Date.UTC(2026, 10, 21, 12);

function answer(
  status: number,
  body: unknown = "",
  options: { type?: string | undefined; broken?: boolean; headers?: Record<string, string | string[]> } = {},
): AttemptResult {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const type = "type" in options ? options.type : text === "" ? undefined : JSON_TYPE;
  return {
    kind: "response",
    status,
    headers: { ...(type === undefined ? {} : { "content-type": type }), ...options.headers },
    body: Buffer.from(text),
    broken: options.broken ?? false,
  };
}

function verdict(result: AttemptResult, kind: "event" | "run" | "bind" = "event"): Verdict {
  return verdictOf(result, kind, WALL);
}

const HTML = "<html>Service page</html>";

describe("delivered", () => {
  test.each<[string, AttemptResult]>([
    ["200 with an object", answer(200, { ok: true })],
    ["201 with an object", answer(201, { ok: true })],
    [
      "200 with a vendor's JSON type",
      answer(200, { ok: true }, { type: "application/vnd.a+json; charset=utf-8" }),
    ],
    ["204 without a body", answer(204)],
    ["200 without a body", answer(200)],
    ["201 in JSON, broken off after the head", answer(201, '{"o', { broken: true })],
    ["201 in JSON that says null", answer(201, "null")],
    ["200 with a list", answer(200, [])],
    ["200 with a word in JSON", answer(200, '"stored"')],
    ["200 in JSON that is half an object", answer(200, '{"o')],
    ["200 in JSON of another spelling", answer(200, { ok: true }, { type: "text/json" })],
    ["201 with an object of no type", answer(201, { ok: true }, { type: undefined })],
    ["200 with an object of no type", answer(200, { ok: true }, { type: undefined })],
    ["200 with null as text", answer(200, "null", { type: "text/plain" })],
    [
      "200 with an object that is called HTML",
      answer(200, { ok: true }, { type: "text/html; charset=utf-8" }),
    ],
    ["201 in words", answer(201, "Created", { type: "text/plain" })],
    ["202 in words of no type", answer(202, "accepted", { type: undefined })],
    ["201 in words, broken off", answer(201, "Creat", { type: "text/plain", broken: true })],
    ["409 that says duplicate", answer(409, { detail: "Duplicate event" })],
    ["409 that says duplicate in a structure", answer(409, { detail: { code: "duplicate_key" } })],
  ])("%s", (_, result) => {
    expect(verdict(result)).toEqual({ kind: "delivered" });
  });
});

describe("dead: refused for good, in the coordinator's form", () => {
  test.each([400, 404, 409, 413, 415, 422])("%i with a detail", (status) => {
    expect(verdict(answer(status, { detail: "no" }))).toEqual({ kind: "dead", status, reason: "no" });
  });

  test("a refusal without a type is known by its form", () => {
    expect(verdict(answer(404, { detail: "no" }, { type: undefined }))).toMatchObject({ kind: "dead" });
    expect(verdict(answer(404, HTML, { type: undefined }))).toMatchObject({ kind: "retry" });
    expect(verdict(answer(404, { detail: "Not Found" }, { type: undefined }))).toMatchObject({
      kind: "pause",
    });
  });

  test("a detail that lists problems is shown without the input that it quotes", () => {
    const detail = [
      { loc: ["body", "event_type"], msg: "Field required", input: { prompt: "private" } },
      { msg: "odd" },
    ];
    const reason = "body.event_type: Field required; odd";
    expect(verdict(answer(422, { detail }))).toEqual({ kind: "dead", status: 422, reason });
  });

  test("409 about a session that is over is a refusal, no duplicate", () => {
    expect(verdict(answer(409, { detail: "Session already completed" })).kind).toBe("dead");
  });

  test("404 of a session is dead, whatever its name", () => {
    expect(verdict(answer(404, { detail: "Session 'Not Found' not found" })).kind).toBe("dead");
  });
});

describe("pause: something else than this event is wrong", () => {
  test.each<[string, AttemptResult, Verdict]>([
    [
      "301",
      answer(301, HTML, { headers: { location: "https://login" } }),
      { kind: "pause", reason: "redirected", text: "301 to https://login" },
    ],
    ["302 without a target", answer(302), { kind: "pause", reason: "redirected", text: "302 to nowhere" }],
    ["304", answer(304), { kind: "pause", reason: "redirected", text: "304 to nowhere" }],
    [
      "unknown route",
      answer(404, { detail: "Not Found" }),
      { kind: "pause", reason: "route_unknown", text: "404 Not Found" },
    ],
    [
      "405",
      answer(405, { detail: "Method Not Allowed" }),
      { kind: "pause", reason: "route_unknown", text: "405 Method Not Allowed" },
    ],
    [
      "407 of a proxy",
      answer(407, HTML, { type: "text/html" }),
      { kind: "pause", reason: "wrong_address", text: "a proxy asks for a login (407)" },
    ],
    [
      "407 of a proxy, in JSON",
      answer(407, { detail: "login" }),
      { kind: "pause", reason: "wrong_address", text: "a proxy asks for a login (407)" },
    ],
    [
      "405 of an ingress",
      answer(405, HTML, { type: "text/html" }),
      { kind: "pause", reason: "route_unknown", text: "405" },
    ],
  ])("%s", (_, result, expected) => {
    expect(verdict(result)).toEqual(expected);
  });
});

describe("credentials", () => {
  test.each([401, 403])("%i says nothing about the event", (status) => {
    expect(verdict(answer(status, { detail: "Invalid token" }))).toEqual({ kind: "unauthorized", status });
    expect(verdict(answer(status, HTML, { type: "text/html" }))).toEqual({ kind: "unauthorized", status });
  });

  test("401 Runner not registered on a run's report is no credential matter", () => {
    const result = answer(401, { detail: "Runner not registered" });
    expect(verdict(result, "run")).toEqual({ kind: "unregistered" });
    expect(verdict(result, "event")).toEqual({ kind: "unauthorized", status: 401 });
    expect(verdict(answer(403, { detail: "Runner not registered" }), "run").kind).toBe("unauthorized");
  });
});

describe("retry: everything else", () => {
  test.each<[string, AttemptResult]>([
    ["404 of an ingress", answer(404, HTML, { type: "text/html" })],
    ["404 in HTML that claims to be JSON", answer(404, HTML)],
    ["404 with an object without detail", answer(404, { message: "no" })],
    ["404 with an array", answer(404, [{ detail: "no" }])],
    ["413 of an ingress", answer(413, HTML, { type: "text/html" })],
    ["422 broken off", answer(422, { detail: "no" }, { broken: true })],
    ["408", answer(408, { detail: "no" })],
    ["425", answer(425, { detail: "no" })],
    ["500", answer(500, { detail: "Internal Server Error" })],
    ["502", answer(502, HTML, { type: "text/html" })],
    ["503", answer(503)],
    ["402", answer(402, { detail: "no" })],
    ["418", answer(418, { detail: "no" })],
    ["200 of a login page", answer(200, HTML, { type: "text/html" })],
    ["201 of a login page", answer(201, HTML, { type: "text/html" })],
    ["200 of a page that claims to be JSON", answer(200, HTML)],
    ["200 of a page without a type", answer(200, `\r\n ${HTML}`, { type: undefined })],
    ["200 of a page in words", answer(200, "Please log in", { type: "text/html" })],
    ["200 of a page in XHTML", answer(200, "Please log in", { type: "application/xhtml+xml" })],
    ["201 of no type, broken off before its first byte", answer(201, "", { broken: true })],
    ["200 in HTML broken off", answer(200, "<ht", { type: "text/html", broken: true })],
  ])("%s", (_, result) => {
    expect(verdict(result)).toMatchObject({ kind: "retry", connection: false, failure: true });
  });

  test.each<["connect" | "timeout" | "reset" | "garbage" | "yielded", boolean, boolean]>([
    ["connect", true, true],
    ["timeout", false, true],
    ["reset", false, true],
    ["garbage", false, true],
    ["yielded", false, false],
  ])("a failure of kind %s", (cause, connection, failure) => {
    const found = verdict({ kind: "failed", cause, text: "why" });
    const silent = cause === "timeout" ? { silent: true } : {};
    expect(found).toEqual({ kind: "retry", reason: `${cause}: why`, connection, failure, ...silent });
  });

  test.each([
    ["text/plain", "OK"],
    [undefined, "OK"],
    ["application/octet-stream", "\u0000\u0001"],
  ])("200 of %s in words is unclear: somebody in front may have said it", (type, words) => {
    expect(verdict(answer(200, words, { type }))).toMatchObject({ kind: "retry", unclear: true });
    expect(verdict(answer(200, HTML, { type }))).not.toHaveProperty("unclear");
  });

  test("429 asks for patience and is no failure of the coordinator; Retry-After is read from any retried answer", () => {
    expect(verdict(answer(429, "", { headers: { "retry-after": "7" } }))).toMatchObject({
      failure: false,
      retryAfterMs: 7000,
    });
    expect(verdict(answer(503, "", { headers: { "retry-after": ["3", "9"] } }))).toMatchObject({
      retryAfterMs: 3000,
    });
    const date = new Date(WALL + 90_000).toUTCString();
    expect(verdict(answer(503, "", { headers: { "retry-after": date } }))).toMatchObject({
      retryAfterMs: 90_000,
    });
    expect(verdict(answer(200, HTML, { type: "text/html", headers: { "retry-after": date } }))).toMatchObject(
      { retryAfterMs: 90_000 },
    );
    expect(verdict(answer(503))).not.toHaveProperty("retryAfterMs");
  });
});

test("SETTLE-1: whatever comes back, it is a verdict; an event dies only of a final status in the coordinator's form", () => {
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .record({ detail: fc.oneof(fc.string(), fc.constant("Not Found"), fc.jsonValue()) })
      .map((value) => JSON.stringify(value)),
  );
  const type = fc.option(
    fc.constantFrom(JSON_TYPE, "text/html", "application/problem+json", "", "application/jsonp", "nonsense"),
    {
      nil: undefined,
    },
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 100, max: 599 }),
      body,
      type,
      fc.boolean(),
      fc.constantFrom(...KINDS),
      (status, text, media, broken, kind) => {
        const found = verdictOf(answer(status, text, { type: media, broken }), kind, WALL);
        if (found.kind === "dead") {
          expect([400, 404, 409, 413, 415, 422]).toContain(status);
          expect(media ?? "json").toMatch(/json/);
          expect(JSON.parse(text)).toHaveProperty("detail");
          expect(broken).toBe(false);
        }
        if (found.kind === "delivered") {
          expect(status === 409 || (status >= 200 && status < 300)).toBe(true);
          expect(text.trimStart().startsWith("<")).toBe(false);
        }
        if (status >= 500) expect(found.kind).toBe("retry");
      },
    ),
    { numRuns: 2000 },
  );
});

describe("answers made to be expensive", () => {
  const many = `[${"{},".repeat(1_000_000)}{}]`;
  const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;

  test.each([many, deep])("BOUND-1: a success is one, and a refusal too, without its words", (bomb) => {
    expect(verdict(answer(200, `{"ok":${bomb}}`))).toEqual({ kind: "delivered" });
    expect(verdict(answer(200, bomb))).toEqual({ kind: "delivered" });
    expect(verdict(answer(200, bomb, { type: undefined }))).toEqual({ kind: "delivered" });
    expect(verdict(answer(422, `{"detail":${bomb}}`))).toEqual({
      kind: "dead",
      status: 422,
      reason: expect.stringMatching(/^a refusal of \d+ bytes, which is too long to read$/),
    });
    expect(verdict(answer(422, `{"other":${bomb}}`))).toMatchObject({ kind: "retry" });
    expect(verdict(answer(404, `{"detail":${bomb}}`))).toMatchObject({ kind: "dead" });
  });

  test("a long reason is cut, and a nested one does not throw", () => {
    const long = verdict(answer(400, { detail: "x".repeat(60_000) }));
    expect(long).toMatchObject({ kind: "dead", reason: `${"x".repeat(3999)}…` });
    const nested = (open: string, close: string, times: number): string =>
      open.repeat(times) + close.repeat(times);
    for (const detail of [nested("[", "]", 4000), `${nested('{"a":', "", 1300)}1${"}".repeat(1300)}`])
      expect(verdict(answer(400, `{"detail":${detail}}`))).toMatchObject({ kind: "dead" });
    const loc = [[["a", [["b"]]]]];
    expect(verdict(answer(422, { detail: [{ loc, msg: "no" }] }))).toMatchObject({ reason: "no" });
  });
});

test.each<[string, AttemptResult, string]>([
  [
    "the coordinator's own words",
    answer(500, { detail: "database is locked" }),
    "status 500: database is locked",
  ],
  [
    "words without a form",
    answer(503, "down for maintenance\nuntil noon", { type: "text/plain" }),
    "status 503: down for maintenance",
  ],
  ["a web page", answer(502, "<h1>Bad gateway</h1>", { type: "text/html" }), "status 502"],
  ["no words", answer(500, ""), "status 500"],
  ["too many words", answer(500, { detail: "x".repeat(1000) }), `status 500: ${"x".repeat(299)}…`],
])("a failed attempt is told with %s", (_, result, reason) => {
  expect(verdict(result)).toMatchObject({ kind: "retry", reason });
});
