import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { EVENTS_STREAM } from "../../shared/log/schema/topology.ts";
import { tellDamage } from "../../shared/log/state/damage.ts";
import type { LogCheck } from "../../shared/log/state/log-check.ts";
import { noteUnreadable } from "../../shared/log/state/note-damage.ts";
import { askLeader } from "../../shared/log/follow/leader.ts";
import { REPLICA_LAG_MS } from "./direct.ts";
import { readPage, scrub, type Unsettled } from "./scrub.ts";

/** Reads the part of the log that still has to be sent, and says what cannot be read. `goesOn`: nothing was found out since. Throws if the log does not answer. */
export async function readThrough(
  deps: {
    nc: NatsConnection;
    jsm: JetStreamManager;
    clock: Pick<Clock, "wall" | "after">;
    log: Logger;
    goesOn: () => boolean;
  },
  found: LogCheck,
  unsettled: Unsettled,
): Promise<void> {
  const { nc, jsm, clock, goesOn } = deps;
  const known = [...found.missing, ...(found.mark?.mark.unreadable ?? [])].sort(([a], [b]) => a - b);
  const ranges = await scrub(
    {
      read: (from) => readPage(nc, from),
      has: async (seq) => (await askLeader(jsm, EVENTS_STREAM, { seq })) !== null,
      first: async () => (await jsm.streams.info(EVENTS_STREAM)).state.first_seq,
      clock,
      goesOn,
      lagMs: found.log.config.num_replicas > 1 ? REPLICA_LAG_MS : 0,
    },
    unsettled,
    known,
  );
  if (ranges === undefined || ranges.length === 0) return;
  const damage = await noteUnreadable({ nc, jsm, wall: () => clock.wall() }, found, ranges);
  tellDamage(deps.log, damage);
}
