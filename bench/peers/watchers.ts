import { randomUUID } from "node:crypto";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { systemClock } from "../../src/shared/base/clock.ts";
import { connectBroker, type BrokerAccess } from "../../src/shared/log/broker.ts";
import { SERVE_INBOX, WORKER_INBOX } from "../../src/shared/log/schema/subjects.ts";
import { createSession } from "../../src/shared/session-log/registry/create.ts";
import type { Session } from "../../src/shared/session-log/registry/entry.ts";
import { agent, type Agent } from "../../test/integration/session-log/harness.ts";
import { servePeer } from "./channel.ts";

/** Makes sessions with some events each. */
type Prepare = { kind: "prepare"; sessions: number; events: number };
/** Watchers of every session, by SSE and WebSocket in equal parts. They stay until the next job. */
type Crowd = { kind: "crowd"; watchers: number };
/** Events at a steady rate for each session; the crowd sees them. */
type Live = { kind: "live"; perSecond: number; seconds: number };
/** One watcher that begins at the first event of the first session. */
type Return = { kind: "return" };
export type WatchJob = Prepare | Crowd | Live | Return;

/** Milliseconds from the append to the watchers' sockets, or to the last event of a return. */
export type WatchRun = { events: number; p50: number; p99: number };

/** Of the user that the one key belongs to. */
const [url = "", key = "", user = "", serve = "{}", worker = "{}"] = process.argv.slice(2);
const { hostname, port } = new URL(url);
const { signal } = new AbortController();
const CAUGHT_UP = /"type":"caught_up"/g;
const ID = /^id: \d+\./gm;
const STAMP = /"at":([\d.]+)\}/g;
/** An empty pong, masked as a client's frames are: a socket that says nothing for a minute is taken for dead. */
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);
const PONG_MS = 10_000;
/** Watchers that arrive at the same time: a busy server gives up requests whose head it could not read within 10 s. */
const AT_ONCE = 100;
/** Longest text that one of these matches. */
const LONGEST = 40;

const sessions: { session: Session; owner: Agent }[] = [];
let crowd: Socket[] = [];
/** Those of the crowd that are WebSockets. */
let sockets: Socket[] = [];
setInterval(() => {
  for (const socket of sockets) socket.write(PONG);
}, PONG_MS).unref();
let times: number[] = [];

const connections = Promise.all([
  connectBroker(JSON.parse(serve) as BrokerAccess, { name: "bench", inboxPrefix: SERVE_INBOX }),
  connectBroker(JSON.parse(worker) as BrokerAccess, { name: "bench", inboxPrefix: WORKER_INBOX }),
]);

async function prepare({ sessions: count, events }: Prepare): Promise<WatchRun> {
  const [nc, ofWorker] = await connections;
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const deps = { nc, jsm, clock: systemClock, signal, room: () => Infinity, random: randomUUID };
  const broker = { connect: async (): Promise<NatsConnection> => ofWorker };
  sessions.length = 0;
  for (let i = 0; i < count; i++) {
    const request = { user, id: `bench-${randomUUID()}`, kind: "worker" as const, record: {} };
    const { session } = await createSession(deps, request);
    const owner = await agent(broker, session, signal);
    sessions.push({ session, owner });
    for (let n = 0; n < events; n++) await append(owner, performance.now());
  }
  return { events: count * events, p50: 0, p99: 0 };
}

/** The time goes with the event, so that its receiver knows how long that took. */
async function append(owner: Agent, at: number): Promise<void> {
  const appended = await owner.writer.append(owner.event("text", "t1", { text: "x".repeat(200), at }));
  if (appended.kind !== "stored") throw new Error(JSON.stringify(appended));
}

function open(session: Session, by: "sse" | "socket", after: string, onData: (text: string) => void): Socket {
  const socket = connect(Number(port), hostname);
  const of = `/sessions/${session.id}/${by === "sse" ? "events" : "execute"}?after=${after}`;
  const more =
    by === "sse"
      ? "accept: text/event-stream\r\n"
      : "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
  socket.write(`GET ${of} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nx-api-key: ${key}\r\n${more}\r\n`);
  socket.on("error", () => undefined); // its close tells
  socket.setEncoding("latin1").on("data", onData);
  return socket;
}

/** Finds a pattern in a text that comes in pieces, also where it is cut. */
function finder(pattern: RegExp): (piece: string) => RegExpMatchArray[] {
  let rest = "";
  return (piece) => {
    const text = rest + piece;
    const found = [...text.matchAll(pattern)];
    const last = found.at(-1);
    const end = last === undefined ? 0 : last.index + last[0].length;
    rest = text.slice(Math.max(end, text.length - LONGEST));
    return found;
  };
}

async function gather({ watchers }: Crowd): Promise<WatchRun> {
  for (const socket of crowd) socket.destroy();
  crowd = [];
  sockets = [];
  let arrived = 0;
  const done = Promise.withResolvers<void>();
  for (let i = 0; i < watchers; i++) {
    const { session } = sessions[i % sessions.length] as (typeof sessions)[0];
    const by = Math.floor(i / sessions.length) % 2 === 0 ? "sse" : "socket";
    const caughtUp = finder(CAUGHT_UP);
    const stamps = finder(STAMP);
    let begun = false;
    let heard = "";
    const socket = open(session, by, "latest", (text) => {
      const now = performance.now();
      heard ||= text.slice(0, 100);
      if (!begun && caughtUp(text).length > 0) {
        begun = true;
        if (++arrived === watchers) done.resolve();
      }
      for (const [, at] of stamps(text)) times.push(now - Number(at));
    });
    socket.once("error", (error) => (heard += ` ${error.message}`));
    socket.once("close", () => done.reject(new Error(`watcher ${i} was turned away: ${heard}`)));
    crowd.push(socket);
    if (by === "socket") socket.once("data", () => sockets.push(socket)); // it was upgraded
    while (i - arrived >= AT_ONCE) await Promise.race([delay(5), done.promise]);
  }
  if (watchers === 0) done.resolve();
  await done.promise;
  return { events: watchers, p50: 0, p99: 0 };
}

async function live({ perSecond, seconds }: Live): Promise<WatchRun> {
  times = [];
  const each = 1000 / perSecond;
  const expected = perSecond * seconds * crowd.length;
  await Promise.all(
    sessions.map(async ({ owner }, i) => {
      const from = performance.now() + (each * i) / sessions.length;
      for (let n = 0; n < perSecond * seconds; n++) {
        await delay(Math.max(0, from + n * each - performance.now()));
        await append(owner, performance.now());
      }
    }),
  );
  while (times.length < expected) await delay(10);
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? NaN;
  return { events: times.length, p50: at(0.5), p99: at(0.99) };
}

async function comeBack(): Promise<WatchRun> {
  const { session } = sessions[0] as (typeof sessions)[0];
  const began = performance.now();
  let events = 0;
  const { promise, resolve } = Promise.withResolvers<number>();
  const [ids, caughtUp] = [finder(ID), finder(CAUGHT_UP)];
  const socket = open(session, "sse", "0", (text) => {
    events += ids(text).length;
    if (caughtUp(text).length > 0) resolve(performance.now() - began);
  });
  const took = await promise;
  socket.destroy();
  return { events, p50: took, p99: took };
}

servePeer("", (question): Promise<WatchRun> => {
  const job = question as WatchJob;
  switch (job.kind) {
    case "prepare":
      return prepare(job);
    case "crowd":
      return gather(job);
    case "live":
      return live(job);
    case "return":
      return comeBack();
  }
});
