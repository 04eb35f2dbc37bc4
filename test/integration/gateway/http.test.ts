import { connect as connectSocket, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MAX_BODY_BYTES } from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { provisioned } from "../../support/relay.ts";
import {
  call,
  callRaw,
  readLog,
  startScriptedRelay,
  startTestGateway,
  type ScriptedRelay,
  type TestGateway,
} from "./harness.ts";

const TIMES = { bodyMs: 1500, headMs: 700, checkEveryMs: 50 };

let broker: TestBroker;
let gateway: TestGateway;
let relay: ScriptedRelay;
let url: string;
let host: string;

beforeAll(async () => {
  broker = await provisioned(await startTestBroker());
  gateway = await startTestGateway(broker, { sessionMaxEvents: 20 }, { times: TIMES });
  relay = await startScriptedRelay(broker);
  url = gateway.url();
  ({ host } = new URL(url));
});

afterAll(async () => {
  await relay?.[Symbol.asyncDispose]();
  await gateway?.close();
  await broker?.[Symbol.asyncDispose]();
});

/** Sends this, closes its side, and reads to the end. */
function answerTo(socket: Socket, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = "";
    socket.on("data", (chunk: Buffer) => (got += chunk.toString("latin1")));
    socket.on("error", reject);
    socket.on("close", () => resolve(got));
    socket.end(bytes);
  });
}

const text = '{"session_id":"s-http"}';
const head = (more: string): string => `POST /events HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;

describe("guard", () => {
  test.each([
    [{ host: "evil.example" }, 403, "host_refused"],
    [{ origin: "http://localhost" }, 403, "origin_refused"],
    [{ "sec-fetch-site": "cross-site" }, 403, "origin_refused"],
  ])("%j is refused, on every route", async (headers, status, code) => {
    for (const [method, path] of [
      ["POST", "/events"],
      ["GET", "/_relay/health"],
      ["GET", "/sessions"],
    ] as const) {
      const reply = await call(url, method, path, method === "POST" ? text : undefined, headers);
      expect(reply).toMatchObject({ status, json: { code } });
    }
  });

  test("CRED-1: authorization and cookies of an executor reach the log in no form", async () => {
    await call(url, "POST", "/events", '{"session_id":"s-cred"}', {
      authorization: "Bearer s3cret-token",
      cookie: "a=s3cret-cookie",
    });
    const events = await readLog(broker);
    expect(events.some(({ envelope }) => envelope.session === "s-cred")).toBe(true);
    expect(JSON.stringify(events)).not.toContain("s3cret");
  });

  test("beyond loopback a token is needed: to listen, and then in every request", async () => {
    await expect(startTestGateway(broker, { gateway: "gw2", listen: "0.0.0.0" })).rejects.toMatchObject({
      code: "listen_refused",
    });
    await using open = await startTestGateway(broker, {
      gateway: "gw2",
      listen: "0.0.0.0",
      inboundToken: "t0ken",
    });
    const openUrl = open.url().replace("0.0.0.0", "127.0.0.1");
    expect(await call(openUrl, "POST", "/events", text)).toMatchObject({
      status: 401,
      headers: { "www-authenticate": "Bearer" },
      json: { code: "inbound_unauthorized" },
    });
    expect(
      (await call(openUrl, "POST", "/events", text, { authorization: "Bearer t0ken", host: "my-host:80" }))
        .status,
    ).toBe(202);
  });
});

describe("limits", () => {
  test("413 by length, without reading, and by counting; the largest body passes", async () => {
    expect(await callRaw(url, head(`Content-Length: ${MAX_BODY_BYTES + 1}\r\n`))).toMatch(
      /^HTTP\/1.1 413 [^]*"code":"body_too_large"/,
    );
    const large = Buffer.alloc(MAX_BODY_BYTES + 1, " ");
    expect(await call(url, "POST", "/events", large, { "transfer-encoding": "chunked" })).toMatchObject({
      status: 413,
      json: { code: "body_too_large" },
    });
    large.write(text);
    expect((await call(url, "POST", "/events", large.subarray(0, MAX_BODY_BYTES))).status).toBe(202);
  });

  test("431 for heads over 16 KiB", async () => {
    expect(await callRaw(url, head(`X: ${"x".repeat(17_000)}\r\n`))).toMatch(
      /^HTTP\/1.1 431 [^]*"code":"headers_too_large"/,
    );
  });

  test("400 for what is no HTTP", async () => {
    expect(await callRaw(url, "no http at all\r\n\r\n")).toMatch(
      /^HTTP\/1.1 400 [^]*"code":"request_malformed"/,
    );
    expect(await callRaw(url, head("Content-Length: -1\r\n"))).toMatch(
      /^HTTP\/1.1 400 [^]*"code":"request_malformed"/,
    );
  });

  test("408 for a head or a body that does not come", async () => {
    expect(await callRaw(url, "POST /events HTTP/1.1\r\nHost: x\r\n")).toMatch(
      /^HTTP\/1.1 408 [^]*"code":"request_timeout"/,
    );
    expect(await callRaw(url, head("Content-Length: 100\r\n"))).toMatch(
      /^HTTP\/1.1 408 [^]*"code":"request_timeout"/,
    );
  });

  test("429 for a session with too many waiting events, and only for it", async () => {
    for (let i = 0; i < 20; i++)
      expect((await call(url, "POST", "/events", '{"session_id":"s-runaway"}')).status).toBe(202);
    const reply = await call(url, "POST", "/events", '{"session_id":"s-runaway"}');
    expect(reply).toMatchObject({ status: 429, json: { code: "session_backlog_full" } });
    expect(Number(reply.headers["retry-after"])).toBeGreaterThan(0);
    expect((await call(url, "POST", "/events", '{"session_id":"s-calm"}')).status).toBe(202);
  });

  test("415 for other media types, compressed ones, and none of these without a type", async () => {
    expect(await call(url, "POST", "/events", text, { "content-type": "text/plain" })).toMatchObject({
      status: 415,
      json: { code: "media_type_unsupported" },
    });
    expect((await call(url, "POST", "/events", text, { "content-encoding": "gzip" })).status).toBe(415);
    expect(
      await callRaw(url, head(`Connection: close\r\nContent-Length: ${text.length}\r\n`) + text),
    ).toMatch(/^HTTP\/1.1 202 /);
  });

  test("a listening port has room for a burst of connections", async () => {
    const replies = await Promise.all(
      Array.from({ length: 400 }, (_, i) => call(url, "POST", "/events", `{"session_id":"burst-${i}"}`)),
    );
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([202]));
  });
});

describe("bodies in other forms", () => {
  test("chunked", async () => {
    const bytes =
      head("Transfer-Encoding: chunked\r\nConnection: close\r\n") +
      `5\r\n${text.slice(0, 5)}\r\n${(text.length - 5).toString(16)}\r\n${text.slice(5)}\r\n0\r\n\r\n`;
    expect(await callRaw(url, bytes)).toMatch(/^HTTP\/1.1 202 /);
  });

  test("Expect: 100-continue is answered when the body is wanted, and refused before it is sent when not", async () => {
    const answer = await new Promise<string>((resolve) => {
      const { hostname, port } = new URL(url);
      const socket = connectSocket({ host: hostname, port: Number(port) });
      let got = "";
      socket.on("data", (chunk) => {
        got += chunk.toString();
        if (got === "HTTP/1.1 100 Continue\r\n\r\n") socket.write(text);
      });
      socket.on("close", () => resolve(got));
      socket.write(head(`Expect: 100-continue\r\nConnection: close\r\nContent-Length: ${text.length}\r\n`));
    });
    expect(answer).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 202 /);
    const refused = await callRaw(
      url,
      head(`Expect: 100-continue\r\nContent-Length: ${MAX_BODY_BYTES + 1}\r\n`),
      '"body_too_large"',
    );
    expect(refused).toMatch(/^HTTP\/1.1 413 /);
  });

  test.each(["", "Connection: close\r\n"])(
    "from a client that closes its side behind it %j",
    async (more) => {
      const { hostname, port } = new URL(url);
      const socket = connectSocket({ host: hostname, port: Number(port), allowHalfOpen: true });
      const whole = head(`${more}Content-Length: ${text.length}\r\n`) + text;
      expect(await answerTo(socket, whole)).toMatch(/^HTTP\/1.1 202 /);
      const early = connectSocket({ host: hostname, port: Number(port), allowHalfOpen: true });
      expect(await answerTo(early, whole.slice(0, -1))).toMatch(/^HTTP\/1.1 400 /);
    },
  );

  test.each(["200-ok", "x", "100-continue, x", "x, 100-continue", "100-continue;a=b"])(
    "Expect: %s is refused, on every route",
    async (expectation) => {
      for (const [method, path] of [
        ["POST", "/events"],
        ["GET", "/runs"],
      ] as const) {
        const reply = await call(url, method, path, method === "POST" ? text : undefined, {
          expect: expectation,
        });
        expect(reply).toMatchObject({ status: 417, json: { code: "expectation_failed" } });
      }
    },
  );

  test("nothing at all", async () => {
    for (const reply of [await call(url, "POST", "/events"), await call(url, "POST", "/events", "")]) {
      expect(reply).toMatchObject({
        status: 400,
        json: { detail: "Request body required", code: "body_required" },
      });
    }
  });
});

describe("problems", () => {
  test.each([
    ["POST", "/events", "{", 400, "body_invalid_json"],
    ["POST", "/events", "{}", 400, "field_missing"],
    ["POST", "/events", '{"session_id":"../x"}', 400, "session_id_invalid"],
    ["POST", "/sessions/s1/events", '{"session_id":"s2"}', 400, "session_id_mismatch"],
    ["POST", "/sessions/%FF/events", text, 400, "session_id_invalid"],
    ["POST", "/sessions/./bind", text, 400, "path_ambiguous"],
    ["PATCH", "/sessions/%252e%252e/%256detadata;x", text, 400, "path_ambiguous"],
    ["POST", "/bind", text, 400, "field_missing"],
    ["GET", "/sessions", undefined, 503, "relay_unavailable"], // the relay forwards events only
    ["POST", "/runner/runs/r1/completed", "{}", 503, "run_session_unknown"],
    ["OPTIONS", "*", undefined, 503, "relay_unavailable"],
    ["GET", "/_relay/nowhere", undefined, 404, "not_found"],
    ["POST", "/_relay/nowhere", "{}", 404, "not_found"],
  ])("%s %s %s is %i %s", async (method, path, body, status, code) => {
    const reply = await call(url, method, path, body);
    expect(reply).toMatchObject({ status, json: { status, code, type: `urn:runner-relay:error:${code}` } });
    expect(reply.headers["content-type"]).toBe("application/problem+json");
    expect(Object.keys(reply.json).sort()).toEqual(["code", "detail", "status", "title", "type"]);
  });

  test.each([
    ["GET", "/events", "POST"],
    ["PUT", "/bind", "POST"],
    ["POST", "/metadata", "PATCH"],
    ["OPTIONS", "/events", "POST"],
    ["TRACE", "/events", "POST"],
    ["POST", "/_relay/health", "GET, HEAD"],
    ["DELETE", "/_relay/deliveries/e1?seq=1", "GET, HEAD"],
    ["PUT", "/_relay", "GET, HEAD"],
    ["POST", "/", "GET, HEAD"],
  ])("%s %s is 405: the path has %s", async (method, path, allow) => {
    const body = method === "POST" || method === "PUT" ? "{}" : undefined;
    expect(await call(url, method, path, body)).toMatchObject({
      status: 405,
      headers: { allow },
      json: { code: "method_not_allowed" },
    });
  });

  test("CONNECT is never forwarded; an upgrade without a relay gets an error", async () => {
    expect(await callRaw(url, `CONNECT x:1 HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 501 [^]*"connect_not_forwarded"/,
    );
    expect(
      await callRaw(
        url,
        `GET /ws HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
        "relay_unavailable",
      ),
    ).toMatch(/^HTTP\/1.1 503 /);
  });
});
