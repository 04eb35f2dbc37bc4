import { JetStreamApiError, type JetStreamManager } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";
import { codedError, errorText } from "../../shared/base/errors.ts";
import { readState } from "../../shared/log/state/state-store.ts";
import { shardCountOf } from "../../shared/log/schema/partition.ts";
import { EVENTS_STREAM, stateKey } from "../../shared/log/schema/topology.ts";

/** The record is another one than was read. */
const WRONG_LAST_SEQUENCE = 10071;

/**
 * Makes sure that the log is there and belongs to this coordinator; records it on an empty log. A log with events for another one is
 * refused (`coordinator_changed`) unless `retarget`, or a newcomer's play data would reach production (docs/contract.md, "The log").
 */
export async function claimLog(deps: {
  jsm: JetStreamManager;
  kv: KV;
  url: string;
  retarget: boolean;
}): Promise<{ created: string; replicas: number; shardCount: number }> {
  const { jsm, kv, url } = deps;
  const info = await jsm.streams.info(EVENTS_STREAM).catch((cause: unknown) => {
    if (!(cause instanceof JetStreamApiError)) throw cause; // a broker that does not answer may have the log all the same
    throw codedError("stream_missing", `${EVENTS_STREAM}: ${errorText(cause)}; run \`provision\``, { cause });
  });
  const stored = await readState(jsm, stateKey.coordinator);
  const owner = stored && new TextDecoder().decode(stored.value);
  const log = {
    created: info.created,
    replicas: info.config.num_replicas,
    shardCount: shardCountOf(info.config),
  };
  if (owner === url) return log;
  if (owner !== undefined && info.state.messages > 0 && !deps.retarget) {
    throw codedError(
      "coordinator_changed",
      `the log belongs to ${owner}, not to ${url}; pass --retarget to send the pending events to ${url}`,
    );
  }
  // by compare-and-set: who knows of no owner may be wrong, and then another one's log would be taken
  try {
    if (stored === undefined) await kv.create(stateKey.coordinator, new TextEncoder().encode(url));
    else await kv.update(stateKey.coordinator, url, stored.revision);
  } catch (error) {
    // several relays start on an empty log, and one of them is the first; which coordinator it serves is looked at again
    if (error instanceof JetStreamApiError && error.code === WRONG_LAST_SEQUENCE) return claimLog(deps);
    throw error;
  }
  return log;
}
