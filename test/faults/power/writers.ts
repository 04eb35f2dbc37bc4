import { createTokens } from "../../../src/gateway/writes/tokens.ts";
import { connectBroker } from "../../../src/shared/log/broker.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { createNatsLog } from "../../../src/shared/log/append/nats-log.ts";
import type { LogMessage } from "../../../src/shared/log/append/log.ts";
import { gatewayInbox } from "../../../src/shared/log/schema/subjects.ts";
import { put } from "../../../src/shared/session-log/append/put.ts";
import { outSubject } from "../../../src/shared/session-log/subjects.ts";
import { jetstreamManager } from "@nats-io/jetstream";
import type { Broker } from "../../../src/embedded/server.ts";
import { inboxOf } from "../../support/broker.ts";
import type { Random } from "../random.ts";

/** Message ids by the sequence that the broker acknowledged. */
export type Acknowledged = Map<number, string>;

export type Writers = {
  events: Acknowledged;
  sessions: Acknowledged;
  /** Commits of each kind so far. */
  commits: { batches: number; singles: number };
  stop(): Promise<void>;
};

const MOST_IN_WAVE = 120;
/** So many are written as singles. */
const FEW = 8;
const BODY = Buffer.alloc(400, "x");
const TIMEOUT_MS = 10_000;

/** Writes as fast as the broker allows: events as gateways do, in batches and as singles, and events of a session as its worker does. */
export async function startWriters(broker: Broker, random: Random, name: string): Promise<Writers> {
  const [events, sessions]: [Acknowledged, Acknowledged] = [new Map(), new Map()];
  const commits = { batches: 0, singles: 0 };
  const ending = new AbortController();
  const gateway = await connectBroker(broker.access("gateway", "gw1"), {
    name: "power gateway",
    inboxPrefix: gatewayInbox("gw1"),
  });
  const worker = await connectBroker(broker.access("worker"), {
    name: "power worker",
    inboxPrefix: inboxOf("worker"),
  });
  const log = createNatsLog({
    connection: gateway,
    inbox: `${gatewayInbox("gw1")}.power`,
    newToken: createTokens(),
    clock: systemClock,
  });

  async function writeEvents(): Promise<void> {
    for (let n = 0; !ending.signal.aborted;) {
      const wave = Array.from(
        { length: 1 + Math.floor(random.next() * MOST_IN_WAVE) },
        () => `${name}-${n++}`,
      );
      const messages = wave.map((id): LogMessage => {
        return { subject: "rr.ev.1.r.s.event", head: `Nats-Msg-Id: ${id}\r\n`, payload: BODY };
      });
      if (wave.length > FEW) {
        const ack = await log.batch(messages, TIMEOUT_MS);
        if (ack.kind !== "stored") throw new Error(`batch: ${ack.detail}`);
        wave.forEach((id, i) => events.set(ack.firstSeq + i, id));
        commits.batches++;
      } else {
        const acks = await log.singles(messages, TIMEOUT_MS);
        acks.forEach((ack, i) => {
          if (ack.kind !== "stored") throw new Error(`single: ${ack.detail}`);
          events.set(ack.seq, wave[i] ?? "");
        });
        commits.singles++;
      }
    }
  }

  async function writeSession(): Promise<void> {
    const deps = {
      nc: worker,
      jsm: await jetstreamManager(worker, { checkAPI: false }),
      clock: systemClock,
      room: () => Infinity,
      signal: ending.signal,
    };
    let last = 0;
    for (let n = 0; !ending.signal.aborted; n++) {
      const messageId = `${name}-s-${n}`;
      const subject = outSubject(name, "text");
      const stored = await put(deps, {
        subject,
        filter: subject,
        last,
        messageId,
        data: BODY,
        urgent: false,
      });
      if (stored.kind !== "stored") throw new Error(`session: ${JSON.stringify(stored)}`);
      last = stored.seq;
      sessions.set(last, messageId);
    }
  }

  const writing = Promise.all([writeEvents(), writeSession()]);
  writing.catch(() => undefined); // `stop` tells
  return {
    events,
    sessions,
    commits,
    async stop() {
      ending.abort();
      try {
        await writing;
      } finally {
        log.close();
        await Promise.all([gateway.close(), worker.close()]);
      }
    },
  };
}
