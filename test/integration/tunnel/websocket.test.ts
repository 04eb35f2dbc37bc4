import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CASES } from "./autobahn.ts";
import { startReflector, type Reflector } from "./reflector.ts";
import { startStack, type Stack } from "./stack.ts";
import { accept, CLOSE, echo, encodeFrame, rawUpgrade } from "./websocket.ts";

type Behaviour = (socket: Duplex) => void;

let upstream: Reflector;
let stack: Stack;
/** What the upstream does with the next upgraded connection, and its headers. */
let behave: Behaviour = echo;
let asked: string[] = [];
let refusal: string | undefined;
let latest: Duplex | undefined;

beforeAll(async () => {
  upstream = await startReflector({
    upgrade(request, socket, head) {
      asked = request.rawHeaders;
      latest = socket;
      if (refusal !== undefined) return void socket.end(refusal);
      const protocols = request.headers["sec-websocket-protocol"]?.split(/,\s*/);
      accept(request, socket, protocols?.at(-1));
      if (head.length > 0) socket.unshift(head);
      behave(socket);
      socket.on("end", () => socket.end());
    },
  });
  stack = await startStack(upstream.url, { env: { AGENT_ORCHESTRATOR_API_KEY: "relay-only" } });
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

describe("WebSockets pass through", () => {
  it("Node's client: sub-protocol, 10,000 frames of mixed sizes echoed in order, close code and reason", async () => {
    behave = echo;
    const client = new WebSocket(`${stack.url.replace("http", "ws")}/ws`, ["chat.v1", "chat.v2"]);
    client.binaryType = "arraybuffer";
    const total = 10_000;
    const sizes = Array.from({ length: total }, (_, i) =>
      i % 500 === 0 ? 70_000 : i % 50 === 0 ? 3000 : i % 130,
    );
    const frameOf = (i: number): Buffer => Buffer.alloc(sizes[i] ?? 0, i % 256);
    let next = 0;
    const closed = new Promise<CloseEvent>((resolve) => client.addEventListener("close", resolve));
    const done = new Promise<void>((resolve, reject) => {
      client.addEventListener("error", () => reject(new Error("connection failed")));
      client.addEventListener("message", ({ data }) => {
        const sent = frameOf(next);
        const same =
          typeof data === "string"
            ? data === sent.toString("latin1")
            : Buffer.from(data as ArrayBuffer).equals(sent);
        if (!same) reject(new Error(`frame ${next} differs`));
        if (++next === total) resolve();
      });
    });
    await new Promise((resolve) => client.addEventListener("open", resolve));
    expect(client.protocol).toBe("chat.v2");
    for (let i = 0; i < total; i++)
      client.send(i % 3 === 0 && i % 256 < 128 ? frameOf(i).toString("latin1") : frameOf(i));
    await done;
    client.close(4321, "that is all");
    expect(await closed).toMatchObject({ code: 4321, reason: "that is all", wasClean: true });
  });

  it("the handshake arrives with the relay's credentials, and not with the client's", async () => {
    const client = await rawUpgrade(stack.url, [
      "Authorization: Bearer mine",
      "Cookie: a=b",
      "Sec-WebSocket-Extensions: permessage-deflate",
    ]);
    expect(client.head).toMatch(/^HTTP\/1.1 101 Switching Protocols\r\n/);
    expect(client.head).toContain("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    const flat = asked.join("\n").toLowerCase();
    expect(flat).toContain("bearer relay-only");
    expect(flat).not.toContain("permessage-deflate"); // CRED-1: what is compressed could not be searched
    expect(flat).not.toMatch(/bearer mine|a=b/);
    client.socket.destroy();
    await expect.poll(() => stack.size()).toBe(0);
  });

  describe("Autobahn's cases arrive byte by byte", () => {
    it.each(CASES)("%s %s, both ways", async (_, __, frames) => {
      let arrived = Buffer.alloc(0);
      const back = Buffer.concat(frames.map((frame) => encodeFrame(frame)));
      behave = (socket) => {
        socket.on("data", (chunk: Buffer) => (arrived = Buffer.concat([arrived, chunk])));
        socket.write(back);
      };
      const client = await rawUpgrade(stack.url);
      const there = Buffer.concat(frames.map((frame) => encodeFrame(frame, Buffer.from([1, 2, 3, 4]))));
      client.socket.write(there);
      await expect
        .poll(() => [arrived.length, client.received().length], { interval: 2 })
        .toEqual([there.length, back.length]);
      expect(arrived.equals(there) && client.received().equals(back)).toBe(true);
      client.socket.destroy();
    });
  });

  it("bytes that come with the handshake are not lost", async () => {
    behave = echo;
    const { hostname, port, host } = new URL(stack.url);
    const socket = connect(Number(port), hostname);
    const frame = encodeFrame({ opcode: 1, payload: Buffer.from("early") }, Buffer.from([9, 9, 9, 9]));
    socket.write(
      Buffer.concat([
        Buffer.from(
          `GET /ws HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n`,
        ),
        frame,
      ]),
    );
    let all = "";
    socket.on("data", (chunk) => (all += chunk.toString("latin1")));
    await expect.poll(() => all).toMatch(/\r\n\r\n\u0081\u0005early$/);
    socket.destroy();
  });

  it("one side's end leaves the other side open, in both directions", async () => {
    let arrived = "";
    behave = (socket) => {
      socket.on("data", (chunk: Buffer) => (arrived += chunk.toString()));
      socket.on("end", () => socket.end("bye"));
    };
    const first = await rawUpgrade(stack.url);
    first.socket.end("last words");
    await expect.poll(() => first.received().toString()).toBe("bye");
    expect(arrived).toBe("last words");
    await expect.poll(() => first.closed()).toBe(true);

    behave = (socket) => {
      socket.on("data", (chunk: Buffer) => (arrived += chunk.toString()));
      socket.end("only this");
    };
    const second = await rawUpgrade(stack.url);
    await expect.poll(() => second.ended()).toBe(true);
    expect(second.received().toString()).toBe("only this");
    second.socket.end(" and more");
    await expect.poll(() => arrived).toBe("last words and more");
    await expect.poll(() => second.closed()).toBe(true);
    await expect.poll(() => stack.size()).toBe(0);
  });

  it("a side that never ends is ended a while after the other", async () => {
    behave = (socket) => setImmediate(() => socket.removeAllListeners("end"));
    const client = await rawUpgrade(stack.url);
    client.socket.end();
    await expect.poll(() => client.ended()).toBe(true);
    await expect.poll(() => stack.size()).toBe(0);
  });

  it("a side that breaks off breaks off the other", async () => {
    behave = (socket) => socket.resume();
    const first = await rawUpgrade(stack.url);
    const here = latest;
    first.socket.resetAndDestroy();
    await expect.poll(() => here?.destroyed).toBe(true);

    const second = await rawUpgrade(stack.url);
    latest?.destroy();
    await expect.poll(() => second.ended() || second.closed()).toBe(true);
    second.socket.end();
    await expect.poll(() => stack.size()).toBe(0);
  });

  it("a server's close frame and end arrive", async () => {
    behave = (socket) => {
      socket.write(
        encodeFrame({
          opcode: CLOSE,
          payload: Buffer.concat([Buffer.from([0x03, 0xf0]), Buffer.from("policy")]),
        }),
      );
      socket.on("data", () => socket.end());
    };
    const client = new WebSocket(`${stack.url.replace("http", "ws")}/ws`);
    const event = await new Promise<CloseEvent>((resolve) => client.addEventListener("close", resolve));
    expect(event).toMatchObject({ code: 1008, reason: "policy" });
  });

  it.each([
    [
      "with a body",
      "HTTP/1.1 403 No Way\r\nContent-Type: text/plain\r\nX-Why: a\r\nContent-Length: 7\r\n\r\nrefused",
      /^HTTP\/1.1 403 No Way\r\n[^]*X-Why: a[^]*\r\n\r\nrefused$/,
    ],
    [
      "chunked",
      "HTTP/1.1 426 Upgrade Required\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      /^HTTP\/1.1 426 [^]*\r\n\r\nabc$/,
    ],
    ["with nothing at all", "", /^HTTP\/1.1 502 [^]*coordinator_unreachable/],
  ])("an upgrade that the upstream refuses %s is refused", async (_, answer, expected) => {
    refusal = answer;
    const client = await rawUpgrade(stack.url);
    await expect.poll(() => client.ended()).toBe(true);
    expect(`${client.head}\r\n\r\n${client.received().toString("latin1")}`).toMatch(expected);
    refusal = undefined;
    client.socket.destroy();
  });

  it("an upgrade without a key is the coordinator's to refuse", async () => {
    refusal = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    const client = await rawUpgrade(stack.url, [], { key: false });
    expect(client.head).toMatch(/^HTTP\/1.1 400 Bad Request/);
    refusal = undefined;
    client.socket.destroy();
  });

  it("a path of the log or of the gateway itself is not upgraded", async () => {
    const { hostname, port, host } = new URL(stack.url);
    const socket = connect(Number(port), hostname);
    socket.write(
      `GET /_relay/health HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    );
    let all = "";
    socket.on("data", (chunk) => (all += chunk.toString()));
    await expect.poll(() => all).toMatch(/^HTTP\/1.1 404 /);
    socket.destroy();
  });

  it("BOUND-1: a client that does not read stops the server, and loses nothing", async () => {
    const total = 32 * 1024 * 1024;
    let written = 0;
    behave = (socket) => {
      const more = (): void => {
        while (written < total) {
          written += 65_536;
          if (!socket.write(Buffer.alloc(65_536, "x"))) return void socket.once("drain", more);
        }
        socket.end();
      };
      more();
    };
    const client = await rawUpgrade(stack.url);
    client.socket.pause();
    let before = -1;
    await expect
      .poll(() => {
        const still = before === written;
        before = written;
        return still;
      })
      .toBe(true);
    expect(written).toBeLessThan(total);
    client.socket.resume();
    await expect.poll(() => client.ended()).toBe(true);
    expect(client.received().length).toBe(total);
    client.socket.end();
  });
});
