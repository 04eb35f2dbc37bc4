import type { Logger } from "../../shared/base/logger.ts";
import { isHandout, type KeptHandouts } from "./handouts.ts";
import { keptList, type KeptList } from "./kept-list.ts";
import { isKeptRemoval, type KeptRemoval } from "./kept-removals.ts";
import { isRegistration, type KeptRegistrations } from "./registrations.ts";

/** What the shield keeps beyond the life of a gateway. */
export type KeptShield = {
  handouts: KeptHandouts;
  registrations: KeptRegistrations;
  removals: KeptList<KeptRemoval>;
};

/** In files of the data folder: `gateway-<name>.handouts.json`, `gateway-<name>.registrations.json` and `gateway-<name>.removals.json`. */
export function keptShield(dataDir: string, gateway: string, logger: Logger): KeptShield {
  return {
    handouts: keptList({ dataDir, gateway, name: "handouts" }, isHandout, logger),
    registrations: keptList({ dataDir, gateway, name: "registrations" }, isRegistration, logger),
    removals: keptList({ dataDir, gateway, name: "removals" }, isKeptRemoval, logger),
  };
}
