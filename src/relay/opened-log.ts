import { jetstream, jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { Kvm, type KV } from "@nats-io/kv";
import { STATE_BUCKET } from "../shared/log/schema/topology.ts";
import type { Circle } from "./circle.ts";
import type { RelayDeps, RelayOptions } from "./options.ts";
import { waitingHere } from "./report/waiting.ts";
import { liesElsewhere } from "./source/log-link.ts";
import { createLogWatch, type LogWatch } from "./source/log-watch.ts";
import { claimLog } from "./source/owner.ts";

/** The log of this relay, found to be whole and the one of its coordinator. */
export type OpenedLog = {
  jsm: JetStreamManager;
  kv: KV;
  /** `created`: as the broker says it. */
  stream: { created: string; replicas: number };
  /** How many shards it has. */
  shardCount: number;
  watch: LogWatch;
  /** Does it lie on another server than the one that we are connected to? */
  elsewhere: boolean;
};

/** Opens the log. Throws coded errors for one that does not fit (docs/contract.md, "Memory of what is settled"). */
export async function openLog(
  { coordinatorUrl: url, retarget }: Pick<RelayOptions, "coordinatorUrl" | "retarget">,
  deps: RelayDeps,
  circle: Circle,
): Promise<OpenedLog> {
  const { nc } = deps;
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  // without direct gets, because a copy may answer with a value that is long gone, or that there is none (ADR 0055)
  const kv = await new Kvm(jetstream(nc)).open(STATE_BUCKET, { bindOnly: true, allow_direct: false });
  const { shardCount, ...stream } = await claimLog({ jsm, kv, url, retarget });
  const watch = createLogWatch({
    ...deps,
    jsm,
    shardCount,
    waiting: () => waitingHere({ ...circle.lanes.get(), shards: circle.shards.get() }),
  });
  await watch.whole();
  return { jsm, kv, stream, shardCount, watch, elsewhere: await liesElsewhere(nc, jsm) };
}
