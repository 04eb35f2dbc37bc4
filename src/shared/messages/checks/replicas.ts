import type { StreamInfo } from "@nats-io/jetstream";
import { counted } from "../../base/show.ts";

/** How the servers stand that have a stream. */
export type Replicas = {
  /** Name of the server that decides; absent while there is none. */
  leader?: string;
  /** The others. `silent`: it says nothing to the leader. `lag`: operations that it has to catch up with. */
  others: { name: string; state: "in step" | "behind" | "silent" | "offline"; lag: number }[];
};

/** What to do where servers that replicate do not answer. Nothing is gone then, and what is deleted is. */
export const NO_MAJORITY_TODO =
  "start the servers that are down: more than half of them must run and reach each other. Delete nothing meanwhile, because what does not answer is not gone";

/** Servers hear of each other every second. One that was killed, or hangs, counts as offline a minute later at the earliest. */
const SILENT_NS = 5e9;

type Peer = NonNullable<NonNullable<StreamInfo["cluster"]>["replicas"]>[number];

/** `active`: nanoseconds since the leader heard of it; 0 where it never did. */
function stateOf({ current, offline, active }: Peer): Replicas["others"][number]["state"] {
  if (offline === true) return "offline";
  if (active > SILENT_NS || (!current && active === 0)) return "silent";
  return current ? "in step" : "behind";
}

/** As the leader says it; undefined for a stream on one server. Pure. */
export function replicasOf({
  config,
  cluster,
}: Pick<StreamInfo, "config" | "cluster">): Replicas | undefined {
  if (cluster === undefined || config.num_replicas < 2) return undefined;
  const { leader, replicas = [] } = cluster;
  return {
    ...(leader === undefined || leader === "" ? {} : { leader }),
    others: replicas.map((it) => ({
      name: it.name,
      state: stateOf(it),
      lag: "lag" in it ? it.lag : 0, // the broker leaves the field out for none
    })),
  };
}

/** Servers that would still answer; with the leader. Pure. */
export function inStep({ leader, others }: Replicas): number {
  return (leader === undefined ? 0 : 1) + others.filter(({ state }) => state === "in step").length;
}

/** For people. Pure. */
export function replicasText({ leader, others }: Replicas): string {
  const each = others.map(({ name, state, lag }) =>
    lag > 0 && state !== "in step"
      ? `${name} ${state} (${counted(lag, "operation")} to catch up)`
      : `${name} ${state}`,
  );
  return [leader === undefined ? "no leader" : `leader ${leader}`, ...each].join(", ");
}
