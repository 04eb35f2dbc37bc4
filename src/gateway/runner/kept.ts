import type { Logger } from "../../shared/logger.ts";
import { isHandout, type KeptHandouts } from "./handouts.ts";
import { keptList } from "./kept-list.ts";
import { isRegistration, type KeptRegistrations } from "./registrations.ts";

/** What the shield knows, where it outlives a gateway. */
export type KeptShield = { handouts: KeptHandouts; registrations: KeptRegistrations };

/** In two files of the data folder: `gateway-<name>.handouts.json` and `gateway-<name>.registrations.json`. */
export function keptShield(dataDir: string, gateway: string, logger: Logger): KeptShield {
  return {
    handouts: keptList({ dataDir, gateway, name: "handouts" }, isHandout, logger),
    registrations: keptList({ dataDir, gateway, name: "registrations" }, isRegistration, logger),
  };
}
