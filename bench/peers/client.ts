import { randomUUID } from "node:crypto";
import { request } from "node:http";
import autocannon, { type Client as Connection, type Result } from "autocannon";
import { Client, Pool } from "undici";
import { eventBody } from "../event.ts";
import { servePeer } from "./channel.ts";

/** As many requests as the connections carry, each connection with a session of its own. */
type Load = {
  kind: "load";
  url: string;
  connections: number;
  seconds: number;
  sessions: string;
  /** Where events go, by default as our gateway takes them; `{session}` stands for the session. */
  path?: string;
};
/** The same with a new connection for each request. */
type Fresh = { kind: "fresh"; url: string; connections: number; seconds: number; sessions: string };
/** One request after the other on one connection. */
type Sequence = { kind: "sequence"; url: string; requests: number; sessions: string };
/** A number of events by raw undici, as fast as the connections carry them. */
type Pour = {
  kind: "pour";
  url: string;
  events: number;
  connections: number;
  path?: string;
  /** How many take turns; 100 by default. */
  sessions?: number;
};
/** As many GETs of one URL as the connections carry. */
type Read = { kind: "read"; url: string; connections: number; seconds: number };
export type Job = Load | Fresh | Sequence | Pour | Read;

/** What came of a job; requests per second, milliseconds. A job with any other answer than 2xx fails, but for `fresh`, which counts such `errors`. */
export type Run = {
  requests: number;
  rate: number;
  p50: number;
  p99: number;
  p999?: number;
  errors?: number;
};

/** A new connection is given up after this long, and counted as an error. */
const PATIENCE_MS = 10_000;
const HEADERS = { "content-type": "application/json", accept: "application/json" };

const EVENTS = "/sessions/{session}/events";

function load({ sessions, path = EVENTS, ...of }: Load): Promise<Run> {
  let clients = 0;
  return shoot(of, (client) => {
    const session = `${sessions}-${clients++}`;
    const to = path.replace("{session}", session);
    client.setRequests([{ method: "POST", path: to, headers: HEADERS, body: eventBody(session) }]);
  });
}

/** As many requests as the connections carry; `setup` says what each of them sends. */
async function shoot(
  { url, connections, seconds }: Read | Omit<Load, "sessions" | "path">,
  setup: (client: Connection) => void = () => undefined,
): Promise<Run> {
  const times: number[] = [];
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    sampleInt: 100,
    setupClient(client) {
      client.on("response", (_status, _bytes, ms) => times.push(ms));
      setup(client);
    },
  });
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${url}: ${result.non2xx} answers that are not 2xx, ${result.errors} errors`);
  }
  return runOf(result, times);
}

/** autocannon's own percentiles are whole milliseconds. */
function runOf(result: Result, times: number[]): Run {
  const requests = result["2xx"];
  return { requests, rate: requests / result.duration, ...percentiles(times) };
}

function percentiles(times: number[]): { p50: number; p99: number; p999: number } {
  const sorted = Float64Array.from(times).sort();
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? NaN;
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999) };
}

/** One request on a connection of its own. Resolves with its status code. */
function once(url: URL, body: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { ...HEADERS, "content-length": Buffer.byteLength(body) };
    const asked = request(url, { agent: false, method: "POST", headers, timeout: PATIENCE_MS });
    asked.on("response", (answer) => answer.resume().on("end", () => resolve(answer.statusCode)));
    asked
      .on("timeout", () => asked.destroy(new Error("no answer")))
      .on("error", reject)
      .end(body);
  });
}

async function fresh({ url, connections, seconds, sessions }: Fresh): Promise<Run> {
  const times: number[] = [];
  let errors = 0;
  const began = performance.now();
  const each = async (_: unknown, n: number): Promise<void> => {
    const session = `${sessions}-${n}`;
    const target = new URL(`/sessions/${session}/events`, url);
    while (performance.now() - began < seconds * 1000) {
      const at = performance.now();
      const status = await once(target, eventBody(session)).catch(() => undefined);
      if (status === undefined || status >= 300) errors++;
      else times.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: connections }, each));
  const rate = times.length / ((performance.now() - began) / 1000);
  return { requests: times.length, rate, ...percentiles(times), errors };
}

async function sequence({ url, requests, sessions }: Sequence): Promise<Run> {
  const client = new Client(url);
  const path = `/sessions/${sessions}/events`;
  const body = eventBody(sessions);
  const times: number[] = [];
  const began = performance.now();
  for (let i = 0; i < requests; i++) {
    const at = performance.now();
    const answer = await client.request({ method: "POST", path, headers: HEADERS, body });
    await answer.body.dump();
    times.push(performance.now() - at);
    if (answer.statusCode >= 300) throw new Error(`${url}: ${answer.statusCode}`);
  }
  const seconds = (performance.now() - began) / 1000;
  await client.close();
  return { requests, rate: requests / seconds, ...percentiles(times) };
}

async function pour({ url, events, connections, path = EVENTS, sessions = 100 }: Pour): Promise<Run> {
  const pool = new Pool(url, { connections, pipelining: 1 });
  const bodies = Array.from({ length: sessions }, (_, i) => Buffer.from(eventBody(`limit-${i}`)));
  const keys = randomUUID(); // a key that comes again is no new event
  let sent = 0;
  const began = performance.now();
  const send = async (): Promise<void> => {
    while (sent < events) {
      const n = sent++;
      const answer = await pool.request({
        method: "POST",
        path: path.replace("{session}", `limit-${n % sessions}`),
        headers: { ...HEADERS, "idempotency-key": `${keys}-${n}` },
        body: bodies[n % sessions] ?? null,
      });
      await answer.body.dump();
      if (answer.statusCode >= 300) throw new Error(`${url}: ${answer.statusCode}`);
    }
  };
  await Promise.all(Array.from({ length: connections }, send));
  const seconds = (performance.now() - began) / 1000;
  await pool.close();
  return { requests: events, rate: events / seconds, p50: 0, p99: 0 };
}

servePeer("", (question): Promise<Run> => {
  const job = question as Job;
  switch (job.kind) {
    case "load":
      return load(job);
    case "fresh":
      return fresh(job);
    case "sequence":
      return sequence(job);
    case "read":
      return shoot(job);
    case "pour":
      return pour(job);
  }
});
