import { headers, type NatsConnection } from "@nats-io/nats-core";
import { STATE_BUCKET, stateKey } from "../../shared/log/schema/topology.ts";
import { fail, ok, type Line } from "./line.ts";
import { LOOK_MS, reading, type Reading } from "./reading.ts";

/** No session's token: nobody's wish is touched. */
const KEY: string = stateKey.control("=doctor");

/**
 * Whether the broker stores anything: the mark of a deleted key, for a second. After a full disk a stream stays dead until nats-server is
 * restarted, also when there is room again, and publishes to it time out (docs/facts.md, "Purges, disks and stores"). Relays write to this bucket all the time, so
 * it meets a full disk with the log; the log itself cannot be tried without an event.
 */
export async function readWrites(nc: NatsConnection): Promise<Reading<string | undefined>> {
  return reading(async () => {
    const head = headers();
    head.set("KV-Operation", "DEL");
    head.set("Nats-TTL", "1s");
    const reply = await nc.request(`$KV.${STATE_BUCKET}.${KEY}`, "", { headers: head, timeout: LOOK_MS });
    return reply.json<{ error?: { description: string } }>().error?.description;
  });
}

/** Pure. */
export function judgeWrites(refusal: Reading<string | undefined>): Line {
  const check = "writes";
  if (refusal.kind === "failed") {
    const todo = "make room if the disk is full, then restart nats-server: until then its streams stay dead";
    return fail(check, `the broker does not store: ${refusal.why}`, todo);
  }
  if (refusal.value === undefined) return ok(check, "the broker stores");
  return fail(check, refusal.value, "make room in the state bucket, or run `runner-relay provision`");
}
