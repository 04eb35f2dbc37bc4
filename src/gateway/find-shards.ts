import { headers, type NatsConnection } from "@nats-io/nats-core";
import { DEFAULT_SHARDS, MOST_SHARDS, partitionToken } from "../shared/log/schema/partition.ts";
import { sessionToken } from "../shared/log/schema/session-id.ts";

const TIMEOUT_MS = 2000;

/**
 * The number of the log's partitions. A gateway may not read the log's settings, and relays may be away, so the log itself is asked: a message that demands another
 * stream than ours is refused by the stream that takes its subject, and stored by none. A log of the usual number takes every subject; any other takes those of its
 * own partitions, which name the number (`partitionToken`). Without a log it is the usual one.
 */
export async function findShardCount(nc: NatsConnection, runner: string): Promise<number> {
  const demanding = headers();
  demanding.set("Nats-Expected-Stream", "none-of-ours");

  async function isTaken(count: number): Promise<boolean> {
    const subject = `rr.ev.${partitionToken(0, count)}.${sessionToken(runner)}.none.event`;
    try {
      await nc.request(subject, "", { headers: demanding, timeout: TIMEOUT_MS });
      return true;
    } catch {
      return false; // no stream takes it, or the broker is away
    }
  }

  if (await isTaken(DEFAULT_SHARDS)) return DEFAULT_SHARDS;
  const counts = Array.from({ length: MOST_SHARDS }, (_, i) => i + 1).filter((it) => it !== DEFAULT_SHARDS);
  const taken = await Promise.all(counts.map(isTaken));
  return counts[taken.indexOf(true)] ?? DEFAULT_SHARDS;
}
