import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { ownCommand } from "../../base/own-command.ts";
import { errorText } from "../../base/errors.ts";
import { bodyLimit, GOOD_BROKER_VERSION, MAX_BODY_BYTES } from "../../log/schema/topology.ts";
import { isOlder, refuseOldBroker } from "../../log/provision/provision.ts";
import { showBytes } from "../../base/show.ts";
import { fail, ok, warn, type Line } from "./line.ts";
import { reading, type Reading } from "./reading.ts";

/** Facts about the broker, with or without a connection. */
export type BrokerFacts = {
  connection: Reading<{ url: string; version: string; maxPayload?: number }>;
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
  const { version, max_payload: maxPayload } = nc.info;
  const value = { url: nc.getServer(), version, maxPayload };
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
      : `start the broker (\`${ownCommand("up")}\` runs one), or set NATS_URL`;
    return [fail("broker", connection.why, todo)];
  }
  const { maxPayload } = connection.value;
  const lines: Line[] = [judgeVersion(connection.value)];
  if (maxPayload !== undefined && bodyLimit(maxPayload) < MAX_BODY_BYTES)
    lines.push(
      warn(
        "limits",
        `events above ${showBytes(bodyLimit(maxPayload))} are refused, because max_payload is ${showBytes(maxPayload)}`,
        "set `max_payload: 8MB` in the broker's configuration if executors send larger events",
      ),
    );
  if (jetstream === undefined) return lines;
  if (jetstream.kind === "failed") {
    const todo =
      "enable JetStream in the broker's configuration and for this account, and check its permissions. If the log lies on a host, check the link to that host";
    lines.push(fail("jetstream", jetstream.why, todo));
  } else if (jetstream.value.room !== undefined && jetstream.value.room <= 0)
    lines.push(warn("jetstream", "the account has no room left", "raise its max_file_store"));
  else lines.push(ok("jetstream", "enabled"));
  return lines;
}

function judgeVersion({ url, version }: { url: string; version: string }): Line {
  try {
    refuseOldBroker(version);
  } catch (error) {
    return fail("broker", errorText(error), `install nats-server ${GOOD_BROKER_VERSION} or newer`);
  }
  const text = `nats-server ${version} at ${url}`;
  if (!isOlder(version, GOOD_BROKER_VERSION)) return ok("broker", text);
  const slow = `${text}; it syncs every event by itself, so it takes fewer events per second`;
  return warn(
    "broker",
    slow,
    `install nats-server ${GOOD_BROKER_VERSION} or newer, which syncs a batch of events at once`,
  );
}
