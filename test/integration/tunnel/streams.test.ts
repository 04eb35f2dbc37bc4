import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { Agent, request as undiciRequest } from "undici";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startReflector, type Reflector } from "./reflector.ts";
import { startStack, type Stack } from "./stack.ts";

let upstream: Reflector;
let stack: Stack;
const open: ServerResponse[] = [];
let lastEventId: string | undefined;
let sent = 0;

beforeAll(async () => {
  upstream = await startReflector({
    on: {
      "/sse": (request: IncomingMessage, response) => {
        lastEventId = request.headers["last-event-id"] as string | undefined;
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.flushHeaders();
        open.push(response);
      },
      "/flood": (_, response) => {
        const chunk = Buffer.alloc(65_536, "f");
        sent = 0;
        const more = (): void => {
          while (!response.destroyed) {
            sent += chunk.length;
            if (!response.write(chunk)) return void response.once("drain", more);
          }
        };
        more();
      },
    },
  });
  stack = await startStack(upstream.url);
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

/** Reads a stream event by event. */
async function openEvents(
  headers: Record<string, string> = {},
): Promise<{ next(): Promise<string>; cancel(): void }> {
  const control = new AbortController();
  const answer = await fetch(`${stack.url}/sse`, { headers, signal: control.signal });
  expect(answer.headers.get("content-type")).toBe("text/event-stream");
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  let text = "";
  return {
    async next() {
      for (;;) {
        const end = text.indexOf("\n\n");
        if (end >= 0) {
          const event = text.slice(0, end);
          text = text.slice(end + 2);
          return event;
        }
        const { value, done } = await reader.read();
        if (done) throw new Error("the stream ended");
        text += Buffer.from(value).toString();
      }
    },
    cancel: () => control.abort(),
  };
}

describe("server-sent events", () => {
  it("the head arrives before any event, then 1,000 events one by one, as they are sent", async () => {
    const events = await openEvents({ "Last-Event-ID": "41" });
    const response = open.pop();
    expect(lastEventId).toBe("41");
    for (let i = 0; i < 1000; i++) {
      response?.write(`id: ${i}\nevent: message\ndata: {"n":${i}}\n\n`);
      expect(await events.next()).toBe(`id: ${i}\nevent: message\ndata: {"n":${i}}`); // the next is sent only then
    }
    events.cancel();
    await expect.poll(() => response?.destroyed).toBe(true);
  });

  it("200 streams side by side: each gets its own events, and other requests are served", async () => {
    const streams = [];
    for (let i = 0; i < 200; i++) streams.push({ events: await openEvents(), response: open.pop() });
    for (let round = 0; round < 5; round++) {
      for (const [i, { response }] of streams.entries()) response?.write(`data: ${i}-${round}\n\n`);
      const got = await Promise.all(streams.map(({ events }) => events.next()));
      expect(got).toEqual(streams.map((_, i) => `data: ${i}-${round}`));
    }
    expect((await fetch(`${stack.url}/sessions`)).status).toBe(200);
    for (const { events } of streams) events.cancel();
    await expect.poll(() => stack.size()).toBe(0);
  });

  it("an end of the stream is an end, not a break", async () => {
    const answer = fetch(`${stack.url}/sse`);
    await expect.poll(() => open.length).toBe(1);
    open.pop()?.end("data: last\n\n");
    expect(await (await answer).text()).toBe("data: last\n\n");
  });
});

describe("large bodies", () => {
  const MIB64 = 64 * 1024 * 1024;

  it("64 MiB up, chunked, and 64 MiB down arrive whole", async () => {
    const hash = createHash("sha256");
    async function* parts(): AsyncGenerator<Buffer> {
      for (let at = 0; at < MIB64; at += 1_000_000) {
        const part = Buffer.alloc(Math.min(1_000_000, MIB64 - at), at % 251);
        hash.update(part);
        yield part;
      }
    }
    const up = await undiciRequest(`${stack.url}/up`, { method: "PUT", body: Readable.from(parts()) });
    expect(await up.body.json()).toMatchObject({ length: MIB64, sha: hash.digest("hex") });
    const down = await undiciRequest(`${stack.url}/down?bytes=${MIB64}`);
    let bytes = 0;
    for await (const chunk of down.body) bytes += (chunk as Buffer).length;
    expect(bytes).toBe(MIB64);
    expect(await stack.size()).toBe(0);
  });

  it("BOUND-1: a reader that stalls stops its upstream, and others continue", async () => {
    const { hostname, port, host } = new URL(stack.url);
    const socket = connect(Number(port), hostname);
    socket.pause();
    socket.write(`GET /flood HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    let before = -1;
    await expect
      .poll(() => {
        const still = sent > 0 && before === sent;
        before = sent;
        return still;
      })
      .toBe(true);
    // sockets' buffers of the system, and two windows
    expect(sent).toBeLessThan(32 * 1024 * 1024);
    const agent = new Agent();
    for (let i = 0; i < 20; i++) {
      const answer = await undiciRequest(`${stack.url}/sessions`, { dispatcher: agent });
      expect(answer.statusCode).toBe(200);
      await answer.body.dump();
    }
    await agent.close();
    socket.destroy();
    await expect.poll(() => stack.size()).toBe(0);
  });

  it("a sender that is faster than the coordinator waits", async () => {
    let taken = 0;
    let request: IncomingMessage | undefined;
    await using slow = await startReflector({
      on: {
        "/slow": (incoming, response) => {
          request = incoming;
          incoming.on("data", (chunk: Buffer) => (taken += chunk.length));
          incoming.on("end", () => response.end(String(taken)));
          incoming.pause();
        },
      },
    });
    await using other = await startStack(slow.url);
    const { hostname, port, host } = new URL(other.url);
    const total = 48 * 1024 * 1024;
    const socket = connect(Number(port), hostname);
    socket.write(`POST /slow HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${total}\r\n\r\n`);
    socket.write(Buffer.alloc(total));
    let text = "";
    socket.on("data", (chunk) => (text += chunk.toString()));
    await expect.poll(() => request !== undefined).toBe(true);
    let before = -1;
    await expect
      .poll(() => {
        const still = before === socket.bytesWritten - socket.writableLength;
        before = socket.bytesWritten - socket.writableLength;
        return still;
      })
      .toBe(true);
    expect(await other.size()).toBe(2);
    request?.resume();
    await expect.poll(() => text).toContain(String(total));
    socket.destroy();
  });
});
