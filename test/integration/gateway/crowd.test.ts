import { connect, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { MAX_CONNECTIONS } from "../../../src/shared/http/connections.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { provisioned } from "../../support/relay.ts";
import { call, readLog, startTestGateway, type TestGateway } from "./harness.ts";

let broker: TestBroker;
let gateway: TestGateway;
let url: string;
let host: string;

beforeAll(async () => {
  broker = await provisioned(await startTestBroker());
  gateway = await startTestGateway(broker);
  url = gateway.url();
  ({ host } = new URL(url));
});

afterAll(async () => {
  await gateway?.close();
  await broker?.[Symbol.asyncDispose]();
});

type Client = { socket: Socket; text: () => string; closed: () => boolean };
const clients: Client[] = [];

/** Connections that send this, and then nothing. */
async function crowd(count: number, bytes: string | Buffer): Promise<Client[]> {
  const { hostname, port } = new URL(url);
  const made = await Promise.all(
    Array.from({ length: count }, async (): Promise<Client> => {
      const socket = connect({ host: hostname, port: Number(port) });
      let text = "";
      let closed = false;
      socket.on("data", (chunk) => void (text += chunk.toString("latin1")));
      socket.on("error", () => {});
      socket.on("close", () => (closed = true));
      await new Promise<void>((resolve) => {
        socket.once("close", resolve);
        socket.once("connect", () => socket.write(bytes, () => resolve()));
      });
      return { socket, text: () => text, closed: () => closed };
    }),
  );
  clients.push(...made);
  return made;
}

afterEach(() => {
  for (const { socket } of clients.splice(0)) socket.destroy();
});

const event = (size: number): string => JSON.stringify({ session_id: "other", text: "x".repeat(size) });
const half = (path: string, framing: string, start: string): string =>
  `${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n${framing}\r\n\r\n${start}`;

async function othersAreServed(): Promise<void> {
  for (const size of [100, 60_000, 100_000, 3_000_000]) {
    const { status, json } = await call(url, "POST", "/events", event(size));
    expect({ size, status, code: json["code"] }).toEqual({ size, status: 202, code: undefined });
  }
}

describe("ISOLATE-1: bodies that never end hold up no other session", () => {
  test.each([
    ["that announce 4 MiB", 40, half("POST /events", "Content-Length: 4194304", "{")],
    ["in chunks", 40, half("PATCH /metadata", "Transfer-Encoding: chunked", '5\r\n{"a":\r\n')],
    ["of the largest size", 8, half("POST /events", "Content-Length: 4194304", " ".repeat(4_000_000))],
    ["of 65 kB", 500, half("POST /events", "Content-Length: 65536", " ".repeat(65_000))],
    [
      "of 65 kB in chunks",
      500,
      half("POST /bind", "Transfer-Encoding: chunked", `FDE8\r\n${" ".repeat(65_000)}\r\n`),
    ],
    [
      "of reports of runs",
      500,
      half("POST /runner/runs/r/started", "Content-Length: 65536", " ".repeat(65_000)),
    ],
    ["that pass through", 500, half("POST /anything", "Content-Length: 65536", " ".repeat(65_000))],
  ])("%s", async (_, count, bytes) => {
    await crowd(count, bytes);
    await othersAreServed();
  });

  test("BOUND-1: senders that are silent while others wait get 408, and senders that keep sending do not", async () => {
    const start = half("POST /events", "Content-Length: 4194304", "");
    const silent = await crowd(3, start + " ".repeat(4_000_000));
    const busy = await crowd(1, start);
    const step = " ".repeat(128 * 1024);
    for (let sent = step.length; sent < 4_194_304; sent += step.length) {
      await new Promise((resolve) => busy[0]?.socket.write(step, resolve));
    }
    busy[0]?.socket.write(`{"session_id":"busy"}`.padStart(step.length));
    await expect.poll(() => busy[0]?.text()).toMatch(/^HTTP\/1.1 202 /);
    expect(silent.filter(({ text }) => text().includes('"code":"request_timeout"'))).not.toHaveLength(0);
  });
});

describe("BOUND-1: bodies in crumbs", () => {
  const inChunks = (text: string, size: number): string => {
    const chunks: string[] = [];
    for (let at = 0; at < text.length; at += size) {
      const chunk = text.slice(at, at + size);
      chunks.push(`${chunk.length.toString(16)}\r\n${chunk}\r\n`);
    }
    return `${half("POST /events", "Transfer-Encoding: chunked", chunks.join(""))}0\r\n\r\n`;
  };

  test("a large one in chunks of a byte is refused before it costs much", async () => {
    const senders = await crowd(3, inChunks(event(1_000_000), 1));
    await othersAreServed();
    for (const { text } of senders) await expect.poll(text).toContain('"code":"body_too_large"');
  });

  test.each([
    { bytes: 60_000, chunk: 1 },
    { bytes: 2_000_000, chunk: 20 },
  ])("one of $bytes bytes in chunks of $chunk is taken", async ({ bytes, chunk }) => {
    const [sender] = await crowd(1, inChunks(event(bytes), chunk));
    await expect.poll(() => sender?.text()).toMatch(/^HTTP\/1.1 202 /);
  });
});

describe("BOUND-1: bodies that are expensive to read", () => {
  const units = ["{}", "[[[]]]", '{"a":1}', "1234567890".repeat(40), '"\\u0041\\n"', '"é😀"'];
  const values = (unit: string): string => {
    const count = Math.floor(1_500_000 / (Buffer.byteLength(unit) + 1));
    return `{"session_id":"bomb","executor_session_id":"e","a":[${Array(count).fill(unit).join(",")}]}`;
  };
  const members = `{"session_id":"bomb","executor_session_id":"e",${'"hostname":{},"a":[],'.repeat(70_000)}"z":1}`;
  const deep = `{"session_id":"bomb","executor_session_id":"e","a":${'{"a":['.repeat(200_000)}`;
  const routes = [
    ["POST", "/events"],
    ["POST", "/sessions/bomb/events"],
    ["POST", "/bind"],
    ["POST", "/sessions/bomb/bind"],
    ["PATCH", "/metadata"],
    ["PATCH", "/sessions/bomb/metadata"],
    ["POST", "/runner/sessions/bomb/status"],
  ] as const;

  test.each(routes)("%s %s", async (method, path) => {
    let from: number | undefined;
    const bodies = [...units.map(values), members];
    for (const [i, text] of bodies.entries()) {
      const framing: Record<string, string> = i % 2 === 0 ? {} : { "transfer-encoding": "chunked" };
      const { status, json } = await call(url, method, path, text, framing);
      expect(status).toBe(202);
      from ??= json["stream_seq"] as number;
    }
    expect(await call(url, method, path, deep)).toMatchObject({
      status: 400,
      json: { code: "body_too_deep" },
    });
    const stored = (await readLog(broker, from)).map(({ envelope }) => Buffer.from(envelope.body).toString());
    expect(stored).toHaveLength(bodies.length);
    for (const [i, text] of stored.entries()) {
      if (path.endsWith("bind")) expect(text).toContain('"executor_session_id":"e","hostname":"dev-machine"');
      else if (path.endsWith("metadata"))
        expect(Object.keys(JSON.parse(text) as object)).not.toContain("hostname");
      else expect(text === bodies[i]).toBe(true);
    }
  });
});

test("large bodies count for the limit of their session, whatever they hold", async () => {
  await using limited = await startTestGateway(broker, { sessionMaxBytes: 3_000_000, gateway: "gw2" });
  const large = { session_id: "large", text: "x".repeat(2_000_000) };
  const statuses: number[] = [];
  for (let i = 0; i < 3; i++) statuses.push((await call(limited.url(), "POST", "/events", large)).status);
  expect(statuses).toEqual([202, 202, 429]);
});

describe("BOUND-1: connections", () => {
  test("a newcomer takes the place of the one that was idle for the longest time, and a busy one keeps its own", async () => {
    const text = event(10);
    const start = half("POST /events", `Content-Length: ${text.length}`, text.slice(0, 5));
    const [busy] = await crowd(1, start);
    await call(url, "GET", "/_relay/health");
    const [oldest] = await crowd(1, "");
    await crowd(MAX_CONNECTIONS - 2, "GET /events HTTP/1.1\r\nX: ");
    let sent = 5;
    for (let newcomers = 0; newcomers < 10; newcomers++) {
      busy?.socket.write(text.slice(sent, ++sent)); // one that sends nothing for 100 ms is not busy, and this may take longer
      await crowd(1, "");
    }
    await expect.poll(() => oldest?.closed()).toBe(true);
    await othersAreServed();
    expect(clients.filter(({ closed }) => !closed()).length).toBeLessThanOrEqual(MAX_CONNECTIONS);
    expect(busy?.closed()).toBe(false);
    busy?.socket.write(text.slice(sent));
    await expect.poll(() => busy?.text()).toMatch(/^HTTP\/1.1 202 /);
  });
});
