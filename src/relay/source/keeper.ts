import type { ServerInfo } from "@nats-io/nats-core";

/** The part of a consumer's state that names the server which keeps it. It is missing for a broker without a cluster. */
export type Kept = { cluster?: { leader?: string } };

/**
 * Id of the broker's process that keeps a consumer. Undefined if we are connected to another process: then we would not notice that this one ends, which can make its acks wrong. Pure.
 */
export function keeperOf(
  info: ServerInfo | undefined,
  { cluster }: Kept,
  elsewhere = false,
): string | undefined {
  if (elsewhere || info?.jetstream !== true) return undefined; // a hub, or a leaf node that only passes on
  return cluster === undefined || cluster.leader === info.server_name ? info.server_id : undefined;
}
