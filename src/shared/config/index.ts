import type { BrokerAccess } from "../broker.ts";
import type { Setting } from "./setting.ts";
import type { Values } from "./load.ts";
import {
  BROKER_SETTINGS,
  COMMON_SETTINGS,
  COORDINATOR_SETTINGS,
  GATEWAY_SETTINGS,
  RELAY_SETTINGS,
  UP_SETTINGS,
} from "./settings.ts";

// setting.ts reads one value · settings.ts is the table · load.ts reads a table from flags and environment

/** Every table of the product. */
export const ALL_SETTINGS: readonly Record<string, Setting>[] = [
  COMMON_SETTINGS,
  BROKER_SETTINGS,
  GATEWAY_SETTINGS,
  RELAY_SETTINGS,
  COORDINATOR_SETTINGS,
  UP_SETTINGS,
];

/** How to reach the broker, from the settings. */
export function brokerAccess(values: Values<typeof BROKER_SETTINGS>): BrokerAccess {
  const access: BrokerAccess = {
    servers: (values.natsUrl ?? "nats://127.0.0.1:4222").split(",").map((s) => s.trim()),
  };
  if (values.natsUser !== undefined) access.user = values.natsUser;
  if (values.natsPassword !== undefined) access.password = values.natsPassword;
  if (values.natsToken !== undefined) access.token = values.natsToken;
  if (values.natsCreds !== undefined) access.credsFile = values.natsCreds;
  if (values.natsCa !== undefined) access.caFile = values.natsCa;
  if (values.natsCert !== undefined) access.certFile = values.natsCert;
  if (values.natsKey !== undefined) access.keyFile = values.natsKey;
  return access;
}
