import type { BrokerAccess } from "../log/broker.ts";
import { codedError } from "../base/errors.ts";
import { readServers } from "../base/config/servers.ts";
import type { Values } from "../base/config/load.ts";
import { BROKER_SETTINGS } from "./broker.ts";

/** Settings that say who we are at the broker. */
const LOGIN = ["natsUser", "natsPassword", "natsToken", "natsCreds"] as const;

/**
 * How to reach the broker, from the settings. Throws `config_invalid` where `NATS_URL` carries a login and the other settings name one
 * too: it is unclear which one is meant, and the wrong one may have rights that were not meant to be used.
 */
export function brokerAccess(values: Values<typeof BROKER_SETTINGS>): BrokerAccess {
  const read = readServers(values.natsUrl ?? "nats://127.0.0.1:4222");
  if (!read.ok) throw codedError("config_invalid", `NATS_URL ${read.problem}`);
  const { ok: _, servers, ...login } = read;
  const named = LOGIN.filter((name) => values[name] !== undefined);
  if (Object.keys(login).length > 0 && named.length > 0) {
    const names = named.map((name) => BROKER_SETTINGS[name].env).join(", ");
    throw codedError("config_invalid", `NATS_URL carries a login, and ${names} is set as well; choose one`);
  }
  const access: BrokerAccess = { servers, ...login };
  if (values.natsUser !== undefined) access.user = values.natsUser;
  if (values.natsPassword !== undefined) access.password = values.natsPassword;
  if (values.natsToken !== undefined) access.token = values.natsToken;
  if (values.natsCreds !== undefined) access.credsFile = values.natsCreds;
  if (values.natsCa !== undefined) access.caFile = values.natsCa;
  if (values.natsCert !== undefined) access.certFile = values.natsCert;
  if (values.natsKey !== undefined) access.keyFile = values.natsKey;
  if (values.natsTlsFirst) access.tlsFirst = true;
  return access;
}
