import type { NatsConnection } from "@nats-io/nats-core";
import { hearRelays } from "../../src/gateway/hearing.ts";
import { createBacklogLimits, type BacklogLimits } from "../../src/gateway/writes/backlog-limits.ts";
import { createRelays } from "../../src/gateway/writes/relays.ts";
import { createWaiting } from "../../src/gateway/writes/waiting.ts";
import { systemClock } from "../../src/shared/base/clock.ts";
import { silentLogger } from "../../src/shared/base/logger.ts";
import { DEFAULT_SHARDS } from "../../src/shared/log/schema/partition.ts";
import { answerInbox } from "../../src/shared/log/schema/subjects.ts";
import type { TestBroker } from "../support/broker.ts";

/** Many gateways as the broker and the relays see them: each has a connection and a user of its own, and hears and asks relays with the product's own code. */
export type SimulatedGateways = {
  readonly size: number;
  connection(index: number): NatsConnection;
  /** An event of this session was stored by the gateway of this index. */
  stored(index: number, session: string, shard: number, bytes: number): void;
  /** Bytes that all of them took and sent so far. */
  bytes(): { taken: number; sent: number };
  /** From now on they hear relays as gateways of before ADR 0059 did: everything of them. */
  hearAsBefore(): void;
  [Symbol.dispose](): void;
};

/** The name of the gateway of this index, for its user at the broker. */
export function simulatedName(index: number): string {
  return `sim-${index}`;
}

/** The broker's own line around each message (`MSG rr.state.relay-a.beat 1 14`), which the client does not count. */
const LINE_BYTES = 40;

/** Connections that are opened at once. */
const AT_ONCE = 50;

/** Connects them all. The broker must have their users. */
export async function startSimulatedGateways(broker: TestBroker, count: number): Promise<SimulatedGateways> {
  const connections: NatsConnection[] = [];
  for (let from = 0; from < count; from += AT_ONCE)
    connections.push(
      ...(await Promise.all(
        Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, i) =>
          broker.connect("gateway", simulatedName(from + i)),
        ),
      )),
    );
  const backlogs: BacklogLimits[] = [];
  const scope = new DisposableStack();
  for (const [index, connection] of connections.entries()) {
    const gateway = simulatedName(index);
    const backlog = createBacklogLimits({
      shardCount: DEFAULT_SHARDS,
      maxEvents: 1e6,
      maxBytes: 1e12,
      onHalf: () => undefined,
    });
    backlogs.push(backlog);
    scope.use(
      hearRelays({
        connection,
        gateway,
        answerPrefix: `${answerInbox(gateway, gateway, "0")}.`,
        relays: createRelays(),
        waiting: createWaiting(systemClock),
        backlog,
        listeners: [],
        clock: systemClock,
        logger: silentLogger(),
      }),
    );
  }
  await Promise.all(connections.map((connection) => connection.flush()));
  return {
    size: count,
    connection: (index) => connections[index] as NatsConnection,
    stored: (index, ...stored) => backlogs[index]?.stored(...stored),
    bytes() {
      const stats = connections.map((connection) => connection.stats());
      return {
        taken: stats.reduce((sum, { inBytes, inMsgs }) => sum + inBytes + inMsgs * LINE_BYTES, 0),
        sent: stats.reduce((sum, { outBytes }) => sum + outBytes, 0),
      };
    },
    hearAsBefore() {
      scope.dispose();
      for (const connection of connections) connection.subscribe("rr.state.>", { callback: () => undefined });
    },
    [Symbol.dispose]: () => scope.dispose(),
  };
}
