import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, get, request, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { startProcesses, type Processes } from "../processes.ts";
import { ms, quantile, type Report } from "../report.ts";

export type TunnelOptions = {
  /** Size of the large bodies. */
  bytes: number;
  events: number;
  /** How long a stream is silent. */
  silentMs: number;
  /** How long a reader takes one byte a second. */
  slowMs: number;
};

const MIB = 1024 ** 2;
const MOST_RESIDENT = 200 * MIB;

/** Large bodies, slow readers and silent streams through gateway and relay, with their memory watched. */
export async function tunnel(options: TunnelOptions, report: Report): Promise<void> {
  const streams: ServerResponse[] = [];
  await using upstream = await startUpstream(streams);
  await using processes = await startProcesses(upstream.url);
  const url = processes.gateway.url();

  const up = await timed(() => upload(url, options.bytes));
  const rate = (took: number): string => `${Math.round(options.bytes / MIB / (took / 1000))} MiB/s`;
  report.check(`${options.bytes / MIB} MiB up, checksum`, up.value, rate(up.ms));
  const down = await timed(() => download(url, options.bytes));
  report.check(`${options.bytes / MIB} MiB down, checksum`, down.value, rate(down.ms));
  await checkMemory(processes, "after them", report);

  const times = await events(url, streams, options.events);
  const p99 = quantile(times, 0.99);
  report.check(
    `${options.events} events of a stream, p99`,
    p99 <= 50,
    `${ms(p99)}, p50 ${ms(quantile(times, 0.5))}`,
  );

  const silent = openStream(url, streams);
  const slow = slowReader(url, options.bytes);
  const beside: number[] = [];
  const end = performance.now() + options.slowMs;
  while (performance.now() < end) {
    const { ms: took } = await timed(async () => (await fetch(`${url}/small`)).text());
    beside.push(took);
    await delay(50);
  }
  report.check(
    "p99 of others beside a reader of a byte a second",
    quantile(beside, 0.99) <= 50,
    ms(quantile(beside, 0.99)),
  );
  report.check(
    "its stream is open, and stopped",
    !slow.closed() && upstream.sent() < 64 * MIB,
    `${Math.round(upstream.sent() / MIB)} MiB sent, ${slow.read()} B read`,
  );
  slow.close();
  await checkMemory(processes, "beside it", report);

  const { response, text } = await silent;
  await delay(Math.max(0, options.silentMs - options.slowMs));
  response.end("data: after silence\n\n");
  report.check(
    `a stream silent for ${options.silentMs / 1000} s stays open`,
    (await text) === "data: after silence\n\n",
    "",
  );
}

async function startUpstream(
  streams: ServerResponse[],
): Promise<{ url: string; sent: () => number; [Symbol.asyncDispose](): Promise<void> }> {
  let sent = 0;
  const server = createServer({ requestTimeout: 0 }, (incoming, response) => {
    const { pathname, searchParams } = new URL(incoming.url ?? "/", "http://upstream");
    if (pathname === "/sse") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.flushHeaders();
      streams.push(response);
    } else if (pathname === "/down") {
      sent = 0;
      pipeline(Readable.from(pattern(Number(searchParams.get("bytes")), (n) => (sent += n))), response).catch(
        () => {},
      );
    } else if (pathname === "/up") {
      const hash = createHash("sha256");
      incoming.on("data", (chunk: Buffer) => hash.update(chunk));
      incoming.on("end", () => response.end(hash.digest("hex")));
    } else response.setHeader("content-type", "application/json").end('{"status":"healthy"}');
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent: () => sent,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Bytes in which every part differs from the one before. */
function* pattern(bytes: number, told: (bytes: number) => void = () => {}): Generator<Buffer> {
  for (let at = 0; at < bytes; at += 100_000) {
    const part = Buffer.alloc(Math.min(100_000, bytes - at), (at / 100_000) % 251);
    told(part.length);
    yield part;
  }
}

async function upload(url: string, bytes: number): Promise<boolean> {
  const hash = createHash("sha256");
  const outgoing = request(`${url}/up`, { method: "PUT", agent: false });
  const answered = once(outgoing, "response") as Promise<[Readable]>;
  function* parts(): Generator<Buffer> {
    for (const part of pattern(bytes)) {
      hash.update(part);
      yield part;
    }
  }
  await pipeline(Readable.from(parts()), outgoing);
  const [answer] = await answered;
  let text = "";
  for await (const chunk of answer) text += String(chunk);
  return text === hash.digest("hex");
}

async function download(url: string, bytes: number): Promise<boolean> {
  const [expected, got] = [createHash("sha256"), createHash("sha256")];
  for (const part of pattern(bytes)) expected.update(part);
  const [answer] = (await once(get(`${url}/down?bytes=${bytes}`, { agent: false }), "response")) as [
    Readable,
  ];
  for await (const chunk of answer) got.update(chunk as Buffer);
  return got.digest("hex") === expected.digest("hex");
}

/** Milliseconds from each event's write at the upstream to its arrival here; one a few milliseconds after the other. */
async function events(url: string, streams: ServerResponse[], count: number): Promise<number[]> {
  const [answer] = (await once(get(`${url}/sse`, { agent: false }), "response")) as [Readable];
  const response = streams.pop();
  const times: number[] = [];
  let text = "";
  answer.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      times.push(performance.now() - Number(text.slice("data: ".length, end)));
      text = text.slice(end + 2);
    }
  });
  for (let i = 0; i < count; i++) {
    response?.write(`data: ${performance.now()}\n\n`);
    await delay(5);
  }
  response?.end();
  await once(answer, "end");
  return times;
}

async function openStream(
  url: string,
  streams: ServerResponse[],
): Promise<{ response: ServerResponse; text: Promise<string> }> {
  const [answer] = (await once(get(`${url}/sse`, { agent: false }), "response")) as [Readable];
  const response = streams.pop();
  if (response === undefined) throw new Error("the stream did not reach the upstream");
  const text = (async () => {
    let all = "";
    for await (const chunk of answer) all += String(chunk);
    return all;
  })().catch(String);
  return { response, text };
}

function slowReader(url: string, bytes: number): { read(): number; closed(): boolean; close(): void } {
  const { hostname, port, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  let read = 0;
  socket.pause();
  socket.write(`GET /down?bytes=${bytes} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const timer = setInterval(() => {
    if (socket.read(1) !== null) read++;
  }, 1000);
  socket.on("close", () => clearInterval(timer));
  return { read: () => read, closed: () => socket.destroyed, close: () => void socket.destroy() };
}

async function checkMemory({ gateway, relays }: Processes, when: string, report: Report): Promise<void> {
  for (const { name, pid } of [gateway, ...relays]) {
    const status = await readFile(`/proc/${pid()}/status`, "utf8").catch(() => "");
    const peak = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? NaN) * 1024;
    report.check(`most memory of ${name}, ${when}`, !(peak > MOST_RESIDENT), `${Math.round(peak / MIB)} MiB`);
  }
}

async function timed<T>(run: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const began = performance.now();
  const value = await run();
  return { value, ms: performance.now() - began };
}
