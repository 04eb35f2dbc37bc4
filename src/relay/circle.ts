import { later, type Later } from "../shared/base/later.ts";
import type { Lanes } from "./lanes/index.ts";
import type { StatePublisher } from "./report/state.ts";
import type { Shard } from "./source/shard.ts";
import { shardIn } from "./source/shards.ts";

/**
 * Parts that other parts need before they are made. Lanes ask shards whether they may send, and shards give their events to lanes; the gate opens lanes, and lanes send
 * through the gate. Each of them reports its changes to the state publisher, which reads them all.
 */
export type Circle = {
  lanes: Later<Lanes>;
  shards: Later<readonly Shard[]>;
  state: Later<Pick<StatePublisher, "changed">>;
  /** The shard of that number. */
  shardOf: (shard: number) => Shard;
};

export function createCircle(): Circle {
  const shards = later<readonly Shard[]>("shards");
  return {
    lanes: later("lanes"),
    shards,
    state: later("state"),
    shardOf: (shard) => shardIn(shards.get(), shard),
  };
}
