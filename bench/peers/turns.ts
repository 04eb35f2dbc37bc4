import { randomUUID } from "node:crypto";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { servePeer } from "./channel.ts";

/** Makes sessions. Each has run one turn when this is answered, so that its worker has it. */
type Open = { kind: "open"; url: string; sessions: number };
/** One turn after the other, each in the next session, with a pause before it. */
type Accept = { kind: "accept"; turns: number; pauseMs: number };
/** A turn in every session whose agent says `perSecond` pieces of text; a watcher of each sees them. */
type Deltas = { kind: "deltas"; perSecond: number; seconds: number };
/** A turn in every session that does not end by itself. Each has begun when this is answered. */
type Hang = { kind: "hang" };
export type TurnsJob = Open | Accept | Deltas | Hang;

/** Milliseconds: until the answer of a turn, or from a piece of text to its watcher. */
export type TurnsRun = { count: number; p50: number; p99: number };

type AskedTurn = { request: { user_input: string } };

const [key = ""] = process.argv.slice(2);
/** Of the server that is measured. */
let url = "";
/** Turns that hang. */
let hanging = 0;
const STAMP = /@([\d.]+)@/g;
const headers = { "x-api-key": key, "content-type": "application/json" };
const sessions: string[] = [];

// the agent of the turns: this process, so that one clock measures from its words to the watcher
const agent = createServer((incoming, answer) => void work(incoming, answer));
agent.listen(0, "127.0.0.1", () => {
  servePeer(`http://127.0.0.1:${(agent.address() as AddressInfo).port}`, (job) => jobOf(job as TurnsJob));
});

async function work(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
  const { request: asked } = JSON.parse(await textOf(incoming)) as AskedTurn;
  const [what, perSecond = 0, seconds = 0] = asked.user_input.split(" ");
  answer.writeHead(200, { "content-type": "application/x-ndjson" }).flushHeaders();
  if (what === "hang") return void hanging++;
  const from = performance.now();
  for (let i = 0; i < Number(perSecond) * Number(seconds); i++) {
    await delay(Math.max(0, from + (i * 1000) / Number(perSecond) - performance.now()));
    const text = `@${performance.now().toFixed(2)}@ ${"x".repeat(20)}`;
    answer.write(`${JSON.stringify({ type: "text", data: { text } })}\n`);
  }
  answer.end();
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of incoming) text += String(chunk);
  return text;
}

async function post(path: string, body: object): Promise<void> {
  const answer = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  await answer.arrayBuffer();
}

/** Resolves when every watcher, from now on one of each session, has seen the end of a turn. */
function watchAll(onText: (text: string) => void): { ready: Promise<unknown>; ended: Promise<unknown> } {
  const each = sessions.map((session) => {
    const ready = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const asked = request(`${url}/sessions/${session}/events?after=latest`, {
      headers: { ...headers, accept: "text/event-stream" },
    });
    asked.on("response", (answer) => {
      answer.setEncoding("latin1").on("data", (text: string) => {
        onText(text);
        if (text.includes('"type":"caught_up"')) ready.resolve();
        if (!text.includes('"type":"turn_ended"')) return;
        ended.resolve();
        asked.destroy();
      });
    });
    asked.on("error", ready.reject).end();
    return { ready: ready.promise, ended: ended.promise };
  });
  return {
    ready: Promise.all(each.map((it) => it.ready)),
    ended: Promise.all(each.map((it) => it.ended)),
  };
}

function runOf(times: number[]): TurnsRun {
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? NaN;
  return { count: times.length, p50: at(0.5), p99: at(0.99) };
}

async function open(count: number): Promise<TurnsRun> {
  sessions.length = 0;
  for (let i = 0; i < count; i++) {
    const session_id = `bench-${randomUUID()}`;
    await post("/sessions", { session_id });
    sessions.push(session_id);
  }
  const { ready, ended } = watchAll(() => undefined);
  await ready;
  for (const session of sessions) await post(`/sessions/${session}/turns`, { user_input: "say" });
  await ended;
  return runOf([]);
}

async function accept({ turns, pauseMs }: Accept): Promise<TurnsRun> {
  const times: number[] = [];
  for (let i = 0; i < turns; i++) {
    await delay(pauseMs);
    const from = performance.now();
    await post(`/sessions/${sessions[i % sessions.length]}/turns`, { user_input: "say" });
    times.push(performance.now() - from);
  }
  return runOf(times);
}

async function deltas({ perSecond, seconds }: Deltas): Promise<TurnsRun> {
  const times: number[] = [];
  const { ready, ended } = watchAll((text) => {
    const now = performance.now();
    for (const [, at] of text.matchAll(STAMP)) times.push(now - Number(at));
  });
  await ready;
  const user_input = `deltas ${perSecond} ${seconds}`;
  for (const session of sessions) await post(`/sessions/${session}/turns`, { user_input });
  await ended;
  return runOf(times);
}

async function hang(): Promise<TurnsRun> {
  hanging = 0;
  for (const session of sessions) await post(`/sessions/${session}/turns`, { user_input: "hang" });
  while (hanging < sessions.length) await delay(20);
  return runOf([]);
}

function jobOf(job: TurnsJob): Promise<TurnsRun> {
  switch (job.kind) {
    case "open":
      url = job.url;
      return open(job.sessions);
    case "accept":
      return accept(job);
    case "hang":
      return hang();
    case "deltas":
      return deltas(job);
  }
}
