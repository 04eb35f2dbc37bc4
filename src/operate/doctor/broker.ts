import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { errorText } from "../../shared/base/errors.ts";
import { MIN_BROKER_VERSION } from "../../shared/log/schema/topology.ts";
import { refuseOldBroker } from "../../shared/log/provision/provision.ts";
import { fail, ok, warn, type Line } from "./line.ts";
import { reading, type Reading } from "./reading.ts";

/** Facts about the broker, with or without a connection. */
export type BrokerFacts = {
  connection: Reading<{ url: string; version: string }>;
  /** Bytes that the account may still store. Undefined if there is no limit. */
  jetstream: Reading<{ room: number | undefined }> | undefined;
};

export async function readBroker(
  connected: Reading<NatsConnection>,
  jsm: JetStreamManager | undefined,
): Promise<BrokerFacts> {
  if (connected.kind === "failed") return { connection: connected, jetstream: undefined };
  const nc = connected.value;
  if (nc.info === undefined) {
    const connection = { kind: "failed", why: "log_unreachable: the broker went away" } as const;
    return { connection, jetstream: undefined };
  }
  const value = { url: nc.getServer(), version: nc.info.version };
  const jetstream =
    jsm &&
    (await reading(async () => {
      const { limits, storage } = await jsm.getAccountInfo();
      return { room: limits.max_storage < 0 ? undefined : limits.max_storage - storage };
    }));
  return { connection: { kind: "read", value }, jetstream };
}

/** Pure. */
export function judgeBroker({ connection, jetstream }: BrokerFacts): Line[] {
  if (connection.kind === "failed") {
    const refused = connection.why.startsWith("broker_refused");
    const todo = refused
      ? "check NATS_USER, NATS_PASSWORD and the certificates against the broker's users"
      : "start the broker (`runner-relay up` runs one), or set NATS_URL";
    return [fail("broker", connection.why, todo)];
  }
  const { url, version } = connection.value;
  const lines: Line[] = [];
  try {
    refuseOldBroker(version);
    lines.push(ok("broker", `nats-server ${version} at ${url}`));
  } catch (error) {
    lines.push(fail("broker", errorText(error), `install nats-server ${MIN_BROKER_VERSION} or newer`));
  }
  if (jetstream === undefined) return lines;
  if (jetstream.kind === "failed") {
    const todo =
      "enable JetStream in the broker's configuration and for this account, and check its permissions";
    lines.push(fail("jetstream", jetstream.why, todo));
  } else if (jetstream.value.room !== undefined && jetstream.value.room <= 0)
    lines.push(warn("jetstream", "the account has no room left", "raise its max_file_store"));
  else lines.push(ok("jetstream", "enabled"));
  return lines;
}
