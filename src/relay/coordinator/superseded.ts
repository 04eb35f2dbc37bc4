import { headers as natsHeaders, type NatsConnection } from "@nats-io/nats-core";
import { RETENTION_MS, STATE_BUCKET, stateKey } from "../../shared/log/schema/topology.ts";

const TIMEOUT_MS = 3000;
/** Twice the retention of the event itself, after which its receipt cannot be requested. */
const KEPT_SECONDS: number = (2 * RETENTION_MS) / 1000;

/** Records events that are not delivered because they came too late, for their receipts. */
export type Superseded = { put(eventId: string, reason: string): Promise<void> };

/** In the state bucket, with a time to live: nothing else would ever remove them. */
export function createSuperseded(nc: NatsConnection): Superseded {
  return {
    async put(eventId, reason) {
      const headers = natsHeaders();
      headers.set("Nats-TTL", `${KEPT_SECONDS}s`);
      const subject = `$KV.${STATE_BUCKET}.${stateKey.superseded(eventId)}`;
      const reply = await nc.request(subject, reason, { headers, timeout: TIMEOUT_MS });
      const { error } = reply.json<{ error?: { description?: string } }>();
      if (error !== undefined)
        throw new Error(`the superseded event could not be recorded: ${error.description ?? "refused"}`);
    },
  };
}
