import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import {
  consumerName,
  DEAD_STREAM,
  EVENTS_STREAM,
  STATE_STREAM,
} from "../../src/shared/log/schema/topology.ts";

const STREAMS = [EVENTS_STREAM, STATE_STREAM, DEAD_STREAM];
const CONSUMERS = Array.from({ length: 8 }, (_, shard) => consumerName(shard));
const LOOK_MS = 300;
/** Many times as long as an election takes. */
const PATIENCE_MS = 60_000;

/** Moves everything that a server of {@link startCluster} leads for the relays to the others, so that nothing has to be elected when it stops. As admin. */
export async function relieve(nc: NatsConnection, server: number): Promise<void> {
  const jsm = await jetstreamManager(nc, { timeout: 5000 });
  await until(`n${server} leads nothing`, async () => {
    const leaders = await leadersOf(jsm);
    for (const { subject, leader } of leaders) if (leader === `n${server}`) await nc.request(subject);
    return leaders.every(({ leader }) => leader !== undefined && leader !== `n${server}`);
  });
}

/** The server that leads the log now. */
export async function leaderOfLog(jsm: JetStreamManager): Promise<number> {
  let found: string | undefined;
  await until("the log has a leader", async () => {
    found = (await jsm.streams.info(EVENTS_STREAM)).cluster?.leader;
    return found !== undefined && found !== "";
  });
  return Number(found?.slice(1));
}

/** Waits until every server has all of every stream, and all consumers have a leader. */
export async function allInStep(jsm: JetStreamManager): Promise<void> {
  await until("all servers are in step", async () => {
    const streams = await Promise.all(STREAMS.map((name) => jsm.streams.info(name)));
    const consumers = await Promise.all(CONSUMERS.map((name) => jsm.consumers.info(EVENTS_STREAM, name)));
    return [...streams, ...consumers].every(
      ({ cluster }) => cluster?.leader !== undefined && (cluster.replicas ?? []).every((it) => it.current),
    );
  });
}

/** Each stream and consumer: who leads it, and where to ask for another one. */
async function leadersOf(jsm: JetStreamManager): Promise<{ subject: string; leader: string | undefined }[]> {
  const ofStream = async (name: string) => ({
    subject: `$JS.API.STREAM.LEADER.STEPDOWN.${name}`,
    leader: (await jsm.streams.info(name)).cluster?.leader,
  });
  const ofConsumer = async (name: string) => ({
    subject: `$JS.API.CONSUMER.LEADER.STEPDOWN.${EVENTS_STREAM}.${name}`,
    leader: (await jsm.consumers.info(EVENTS_STREAM, name)).cluster?.leader,
  });
  return Promise.all([...STREAMS.map(ofStream), ...CONSUMERS.map(ofConsumer)]);
}

/** Asks until it holds. An election under way answers with an error, or not at all. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; ; await delay(LOOK_MS)) {
    if (await holds().catch(() => false)) return;
    if (performance.now() > end) throw new Error(`not so after ${PATIENCE_MS} ms: ${what}`);
  }
}
