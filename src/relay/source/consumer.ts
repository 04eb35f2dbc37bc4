import type { NatsConnection } from "@nats-io/nats-core";
import { consumerName, EVENTS_STREAM, PRIORITY_GROUP } from "../../shared/log/schema/topology.ts";
import { readApiReply } from "./api.ts";
import type { Kept } from "./keeper.ts";

const API_TIMEOUT_MS = 2000;

/** What is read of a consumer's state. */
export type ConsumerInfo = Kept & {
  num_ack_pending?: number;
  num_pending?: number;
  delivered?: { consumer_seq: number; stream_seq: number };
  priority_groups?: { group: string; pinned_client_id?: string }[];
};

/** A shard's consumer at the broker. Each question throws coded errors as {@link readApiReply} does, and plain ones where the broker does not answer in 2 s. */
export type Consumer = {
  info(): Promise<ConsumerInfo>;
  /** Makes the broker deliver everything again that is not acked, or everything from a sequence on. */
  reset(from?: number): Promise<ConsumerInfo>;
  /** Takes the pin from any relay that has it. */
  unpin(): Promise<void>;
};

/** Pin of the relay that the broker serves now; empty for none. Pure. */
export function pinnedBy(info: ConsumerInfo): string {
  return info.priority_groups?.find(({ group }) => group === PRIORITY_GROUP)?.pinned_client_id ?? "";
}

export function createConsumer(nc: NatsConnection, shard: number): Consumer {
  const name = consumerName(shard);
  const ask = async (verb: "INFO" | "RESET" | "UNPIN", request: object): Promise<ConsumerInfo> => {
    const subject = `$JS.API.CONSUMER.${verb}.${EVENTS_STREAM}.${name}`;
    const reply = await nc.request(subject, JSON.stringify(request), { timeout: API_TIMEOUT_MS });
    return readApiReply(reply.json<ConsumerInfo>(), name);
  };
  return {
    info: () => ask("INFO", {}),
    reset: (from) => ask("RESET", from === undefined ? {} : { seq: from }),
    unpin: async () => void (await ask("UNPIN", { group: PRIORITY_GROUP })),
  };
}
