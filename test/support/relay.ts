import { eventSubject } from "./eight-shards.ts";
import {
  headers as natsHeaders,
  TimeoutError,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
} from "@nats-io/nats-core";
import { pino } from "pino";
import { provision } from "../../src/shared/log/provision/provision.ts";
import { createCoordinator } from "../../src/relay/coordinator/client.ts";
import { createCredentials, type Credentials } from "../../src/shared/credentials/index.ts";
import type { RelayOptions } from "../../src/relay/options.ts";
import { startRelay, type Relay } from "../../src/relay/relay.ts";
import { startAdminServer } from "../../src/relay/report/admin-server.ts";
import { systemClock, type Clock } from "../../src/shared/base/clock.ts";
import { loadSettings } from "../../src/shared/base/config/load.ts";
import { ALL_SETTINGS, RELAY_SETTINGS } from "../../src/shared/settings/index.ts";
import { encodeEnvelope, ENVELOPE_VERSION, type Envelope } from "../../src/shared/log/schema/envelope.ts";
import { HEADER } from "../../src/shared/base/headers.ts";
import { createLogger, SecretRegistry } from "../../src/shared/base/logger.ts";
import { type Origin } from "../../src/shared/log/schema/subjects.ts";
import { decodeState, type RelayState } from "../../src/shared/messages/relay-state.ts";
import type { TestBroker } from "./broker.ts";

/** A relay inside the test's process, on its own connection. */
export type TestRelay = Relay & {
  nc: NatsConnection;
  /** Failures for which its process would have ended. */
  fatal: Error[];
  /** Its own port. */
  adminUrl: string;
  /** GET on its admin port. */
  get(path: string): Promise<{ status: number; text: string }>;
  [Symbol.asyncDispose](): Promise<void>;
};

export type TestRelayOptions = Partial<RelayOptions> & {
  /** Default: as `env` chooses them. */
  credentials?: Credentials;
  env?: Record<string, string>;
  clock?: Clock;
  /** Gets every log line, as it would be written. */
  onLine?: (line: string) => void;
};

/** Token of the admin port of a test's relay, and how a program shows it. */
export const PAGE_TOKEN = "test-token-of-the-page-0123456789";
export const PAGE_BEARER = { authorization: `Bearer ${PAGE_TOKEN}` } as const;

/** Starts a relay on a provisioned broker: `await using relay = await startTestRelay(broker, coordinator.url)`. */
export async function startTestRelay(
  broker: { connect(role: "relay"): Promise<NatsConnection> },
  coordinatorUrl: string,
  options: TestRelayOptions = {},
): Promise<TestRelay> {
  const { credentials: given, env = {}, clock = systemClock, onLine, ...rest } = options;
  const secrets = new SecretRegistry();
  const log =
    onLine === undefined
      ? createLogger({
          name: "relay",
          level: process.env["TEST_LOG"] ?? "silent",
          lines: process.stderr,
          secrets,
        })
      : pino({ level: "trace" }, { write: (line: string) => onLine(secrets.hide(line)) });
  const nc = await broker.connect("relay");
  const fatal: Error[] = [];
  const settings: RelayOptions = {
    relay: "relay-a",
    version: "test",
    coordinatorUrl,
    retarget: false,
    adminListen: "127.0.0.1",
    adminPort: 0,
    pageToken: PAGE_TOKEN,
    connections: 32,
    attemptTimeoutMs: 30_000,
    passTimeoutMs: 600_000,
    runnerTimeoutMs: 90_000,
    exhaustAfterMs: 15 * 60_000,
    drainMs: 2000,
    poisonPolicy: "skip",
    batch: undefined,
    shield: true,
    allow: undefined,
    ...rest,
  };
  const { random } = Math;
  const credentials =
    given ??
    createCredentials(loadSettings(RELAY_SETTINGS, { env, known: ALL_SETTINGS }), {
      clock,
      random,
      log,
      secrets,
    });
  const coordinator = createCoordinator({
    url: coordinatorUrl,
    connections: settings.connections,
    attemptTimeoutMs: settings.attemptTimeoutMs,
    secrets,
  });
  const relay = await startRelay(settings, {
    nc,
    clock,
    random,
    log,
    coordinator,
    credentials,
    openAdmin: startAdminServer,
    linesDropped: () => 0,
    fatal: (error) => fatal.push(error),
  });
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await relay.close();
  };
  return {
    ...relay,
    close,
    nc,
    fatal,
    adminUrl: relay.adminUrl,
    async get(path) {
      const answer = await fetch(relay.adminUrl + path, { headers: PAGE_BEARER });
      return { status: answer.status, text: await answer.text() };
    },
    async [Symbol.asyncDispose]() {
      const cutOff = nc.isClosed();
      await close().catch((error: unknown) => {
        if (!cutOff) throw error; // one that was cut off has nobody to say it to, but gives up its port
      });
    },
  };
}

/** Creates the log on a test's broker. */
export async function provisioned(broker: TestBroker): Promise<TestBroker> {
  await provision(await broker.connect("admin"), { logBytes: 512 * 1024 * 1024 });
  return broker;
}

/** A request that was written to a connection just before it broke is lost, so that it is repeated; the broker recognises its id. */
const ACK_MS = 1000;
/** A loaded machine takes many times as long as an idle one. */
const TRIES = 20;

/** Appends events to the log as a gateway does, without one. */
export function createAppender(
  nc: NatsConnection,
  runner = "runner-1",
): {
  append: (
    session: string,
    body?: Record<string, unknown>,
    more?: Partial<Envelope> & { origin?: Origin },
  ) => Promise<{ id: string; seq: number }>;
} {
  const numbers = new Map<string, number>();
  let made = 0;
  return {
    async append(session, body = {}, { origin = "ev", ...more } = {}) {
      const n = (numbers.get(session) ?? 0) + 1;
      numbers.set(session, n);
      const kind = more.kind ?? "event";
      const event = {
        session_id: session,
        event_type: "message",
        timestamp: new Date().toISOString(),
        n,
        ...body,
      };
      const envelope: Envelope = {
        v: ENVELOPE_VERSION,
        id: `ev${runner}${made++}${Math.random().toString(36).slice(2, 10)}`,
        kind,
        session,
        runner,
        epoch: "e0",
        seq: n,
        at: Date.now(),
        type: "application/json",
        body: Buffer.from(JSON.stringify(kind === "event" ? event : body)),
        ...more,
      };
      const head = natsHeaders();
      head.set(HEADER.id, envelope.id);
      const subject = eventSubject(runner, session, kind, origin);
      const reply = await askAgain(nc, subject, encodeEnvelope(envelope), head);
      const ack = reply.json<{ seq: number; error?: { description: string } }>();
      if (ack.error !== undefined) throw new Error(ack.error.description);
      return { id: envelope.id, seq: ack.seq };
    },
  };
}

async function askAgain(
  nc: NatsConnection,
  subject: string,
  payload: Uint8Array,
  head: MsgHdrs,
): Promise<Msg> {
  for (let tries = 1; ; tries++) {
    try {
      return await nc.request(subject, payload, { headers: head, timeout: ACK_MS });
    } catch (error) {
      if (!(error instanceof TimeoutError) || tries === TRIES) throw error;
    }
  }
}

/** The newest state of every relay, as gateways hear it. */
export function watchStates(nc: NatsConnection): Map<string, RelayState> {
  const states = new Map<string, RelayState>();
  nc.subscribe("rr.state.*", {
    callback(error, msg) {
      const state = error === null ? decodeState(msg.string()) : undefined;
      if (state !== undefined) states.set(state.relay, state);
    },
  });
  return states;
}
