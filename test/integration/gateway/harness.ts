import { SHARDS } from "../../support/eight-shards.ts";
import { request as httpRequest, type Agent, type IncomingHttpHeaders } from "node:http";
import { connect as connectSocket } from "node:net";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import {
  createGateway,
  type Gateway,
  type GatewayDeps,
  type GatewayOptions,
} from "../../../src/gateway/gateway.ts";
import { findShardCount } from "../../../src/gateway/find-shards.ts";
import { encodeAnswer, type Answer } from "../../../src/shared/messages/answer.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { decodeEnvelope, type Envelope } from "../../../src/shared/log/schema/envelope.ts";
import { createLogger } from "../../../src/shared/base/logger.ts";
import { encodeState, type RelayState } from "../../../src/shared/messages/relay-state.ts";
import {
  FLOW_PREFIX,
  inboxOwner,
  RECEIPT_SUBJECT,
  runnerName,
  STATE_SUBJECT,
} from "../../../src/shared/log/schema/subjects.ts";
import { EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import type { TestBroker } from "../../support/broker.ts";

export type TestGateway = Gateway & {
  connection: NatsConnection;
  [Symbol.asyncDispose](): Promise<void>;
};

/** A gateway inside the test's process, on a port of its own. */
export async function startTestGateway(
  broker: TestBroker,
  options: Partial<GatewayOptions> = {},
  deps: Partial<Omit<GatewayDeps, "shardCount">> = {},
): Promise<TestGateway> {
  const connection = await broker.connect("gateway", options.gateway);
  let kept: number | undefined;
  const gateway = createGateway({
    options: {
      port: 0,
      listen: "127.0.0.1",
      inboundToken: undefined,
      gateway: "gw1",
      runner: undefined,
      hostname: "dev-machine",
      profile: "coding",
      answerWaitMs: 2000,
      drainMs: 2000,
      maxBodyBytes: 4 * 1024 * 1024,
      sessionMaxEvents: 1_000_000,
      sessionMaxBytes: 1024 ** 4,
      ...options,
    },
    connection,
    shardCount: await findShardCount(
      connection,
      runnerName({ runner: undefined, hostname: "dev-machine", profile: "coding", ...options }),
    ),
    keptPort: { read: () => kept, keep: (port) => void (kept = port) },
    keptRuns: { read: () => [], write() {} },
    keptRunners: { read: () => [], write() {} },
    keptShield: {
      handouts: { read: () => [], write() {} },
      registrations: { read: () => [], write() {} },
      removals: { read: () => [], write() {} },
    },
    keySecret: "a secret of this test",
    durability: () => "fsync",
    version: "test",
    clock: systemClock,
    logger: createLogger({
      name: "gateway",
      level: process.env["TEST_LOG"] ?? "silent",
      lines: process.stderr,
    }),
    linesDropped: () => 0,
    ...deps,
  });
  await gateway.listen();
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= gateway.close());
  return { ...gateway, close, connection, [Symbol.asyncDispose]: close };
}

export type Reply = {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  json: Record<string, unknown>;
  ms: number;
};

/** One request, by default on a connection of its own, as executors make them. */
export function call(
  url: string,
  method: string,
  path: string,
  body?: string | Uint8Array | Record<string, unknown>,
  headers: Record<string, string> = {},
  agent: Agent | false = false,
): Promise<Reply> {
  const text =
    body === undefined || typeof body === "string" || body instanceof Uint8Array
      ? body
      : JSON.stringify(body);
  const from = performance.now();
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      url,
      { method, path, agent, headers: { "content-type": "application/json", ...headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const answer = Buffer.concat(chunks).toString();
          let json: Record<string, unknown> = {};
          try {
            json = JSON.parse(answer) as Record<string, unknown>;
          } catch {
            // not every answer is JSON; the test looks at `text` then
          }
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: answer,
            json,
            ms: performance.now() - from,
          });
        });
        response.on("error", reject);
      },
    );
    request.on("error", reject);
    request.end(text);
  });
}

/** Sends bytes as they are and returns all that comes back until the connection ends, or until `until` is seen. */
export function callRaw(url: string, bytes: string, until?: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ host: hostname, port: Number(port) });
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (until !== undefined && text.includes(until)) socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
    socket.write(bytes);
  });
}

export type LoggedEvent = {
  seq: number;
  subject: string;
  headers: Record<string, string>;
  envelope: Envelope;
};

/** Reads the log from `from` on, as an admin. */
export async function readLog(broker: TestBroker, from = 1): Promise<LoggedEvent[]> {
  const jsm = await jetstreamManager(await broker.connect("admin"));
  const { state } = await jsm.streams.info(EVENTS_STREAM);
  const events: LoggedEvent[] = [];
  for (let seq = Math.max(from, state.first_seq); seq <= state.last_seq; seq++) {
    const message = await jsm.direct.getMessage(EVENTS_STREAM, { seq });
    if (message === null) continue;
    const headers = Object.fromEntries([...message.header].map(([name, values]) => [name, values[0] ?? ""]));
    events.push({ seq, subject: message.subject, headers, envelope: decodeEnvelope(message.data) });
  }
  return events;
}

/** A relay as gateways see it: its state, its answers, its receipts. Nothing is forwarded. */
export type ScriptedRelay = {
  /** Tells this state now and every half second. */
  tell(state?: Partial<RelayState>): void;
  silence(): void;
  /** Waits for an event in the log that wants an answer, answers it, and returns what the gateway confirmed. */
  answer(answer: Answer, seq: number): Promise<string>;
  receipts(reply: (question: unknown) => unknown): void;
  [Symbol.asyncDispose](): Promise<void>;
};

export async function startScriptedRelay(broker: TestBroker): Promise<ScriptedRelay> {
  const nc = await broker.connect("relay");
  const admin = await broker.connect("admin");
  const jsm = await jetstreamManager(admin);
  let asked = 0;
  let state: RelayState | undefined;
  const publish = (): void => {
    if (state !== undefined && !nc.isClosed()) nc.publish(`${STATE_SUBJECT}.scripted`, encodeState(state));
  };
  const timer = setInterval(publish, 500);
  /** Publishes an answer; gateways may confirm on flow subjects only. */
  async function confirmed(subject: string, bytes: Uint8Array): Promise<string> {
    const flow = nc.subscribe(`${FLOW_PREFIX}.scripted.${inboxOwner(subject)}.seen.${++asked}`, {
      max: 1,
      timeout: 20_000,
    });
    nc.publish(subject, bytes, { reply: flow.getSubject() });
    for await (const message of flow) return message.string();
    throw new Error("no confirmation");
  }
  return {
    tell(part = {}) {
      state = {
        v: 1,
        relay: "scripted",
        shards: Array.from({ length: SHARDS }, (_, shard) => ({ shard, behind: false })),
        coordinator: { state: "up" },
        backlog: [],
        overflow: false,
        ...part,
      };
      publish();
    },
    silence() {
      state = undefined;
    },
    async answer(answer, seq) {
      for (;;) {
        const message = await jsm.direct.getMessage(EVENTS_STREAM, { seq }).catch(() => null);
        const subject = message === null ? undefined : decodeEnvelope(message.data).answer;
        if (subject === undefined) continue;
        return confirmed(subject, encodeAnswer(answer));
      }
    },
    receipts(reply) {
      nc.subscribe(`${RECEIPT_SUBJECT}.*`, {
        queue: "relay",
        callback: (error, message) => {
          if (error === null) message.respond(JSON.stringify(reply(message.json())));
        },
      });
    },
    [Symbol.asyncDispose]() {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}
