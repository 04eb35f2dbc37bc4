import type { ServerInfo } from "@nats-io/nats-core";

/** What a consumer's state says of who keeps it; missing for a broker without a cluster. */
export type Kept = { cluster?: { leader?: string } };

/**
 * Id of the broker's process that keeps a consumer. Undefined if that is another one than we are connected to: of its end, which may spoil its acks, we would not hear. Pure.
 */
export function keeperOf(info: ServerInfo | undefined, { cluster }: Kept): string | undefined {
  if (info?.jetstream !== true) return undefined; // a leaf node that only passes on
  return cluster === undefined || cluster.leader === info.server_name ? info.server_id : undefined;
}
