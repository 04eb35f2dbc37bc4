import type { Environment } from "../shared/base/config/load.ts";
import type { BrokerRole } from "../shared/messages/permissions.ts";
import { dataFolder } from "./folders.ts";
import { ownAccess } from "./operator.ts";
import { brokerVariables } from "./up/environment.ts";

/** Where no broker is named, names the one that `up` runs with this data folder, and its login for a role. */
export function nameOwnBroker(env: Environment, role: BrokerRole): void {
  if (env["NATS_URL"]) return;
  const access = ownAccess(dataFolder(env["RUNNER_RELAY_DATA"], env), role);
  if (access !== undefined) Object.assign(env, brokerVariables(access));
}
