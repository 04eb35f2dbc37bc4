import type { Values } from "../shared/base/config/load.ts";
import { BROKER_SETTINGS, COMMON_SETTINGS, GATEWAY_SETTINGS } from "../shared/settings/index.ts";

/** All settings of a gateway's process. */
export const GATEWAY_TABLE = { ...COMMON_SETTINGS, ...BROKER_SETTINGS, ...GATEWAY_SETTINGS } as const;

export type GatewayValues = Values<typeof GATEWAY_TABLE>;
