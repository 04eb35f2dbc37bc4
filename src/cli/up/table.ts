import type { Values } from "../../shared/base/config/load.ts";
import {
  BROKER_SETTINGS,
  COMMON_SETTINGS,
  CONSOLE_SETTINGS,
  GATEWAY_SETTINGS,
  RELAY_SETTINGS,
  SESSION_LIMITS,
  SESSIONS_ACCESS_SETTINGS,
  SESSIONS_SETTINGS,
  UP_SETTINGS,
  WORKER_SETTINGS,
  WORKSPACE_SETTINGS,
} from "../../shared/settings/index.ts";

/** Everything that `up` takes: its own settings and those of the processes that it starts. */
export const UP_TABLE = {
  ...COMMON_SETTINGS,
  ...BROKER_SETTINGS,
  ...GATEWAY_SETTINGS,
  ...RELAY_SETTINGS,
  ...CONSOLE_SETTINGS,
  ...SESSIONS_SETTINGS,
  ...SESSIONS_ACCESS_SETTINGS,
  ...WORKSPACE_SETTINGS,
  ...WORKER_SETTINGS,
  ...SESSION_LIMITS,
  ...UP_SETTINGS,
} as const;

export type UpValues = Values<typeof UP_TABLE>;
