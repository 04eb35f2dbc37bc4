import { headers, type NatsConnection } from "@nats-io/nats-core";
import { ownCommand } from "../../shared/base/own-command.ts";
import { STATE_BUCKET, stateKey } from "../../shared/log/schema/topology.ts";
import { fail, ok, type Line } from "../../shared/messages/checks/line.ts";
import { LOOK_MS, reading, type Reading } from "../../shared/messages/checks/reading.ts";

/** This is not the token of any session, so no operator's request is touched. */
const KEY: string = stateKey.control("=doctor");

/**
 * Checks that the broker stores anything, by writing the mark of a deleted key that expires after a second. After a full disk a stream stays dead until
 * nats-server is restarted, even when there is room again, and publishes to it time out (docs/facts.md, "Purges, disks and stores"). The log cannot be
 * tried without an event; relays write to this bucket all the time, so a full disk affects both.
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
    const todo =
      "free some space if the disk is full, then restart nats-server; until then its streams accept no writes";
    return fail(check, `the broker does not store anything: ${refusal.why}`, todo);
  }
  if (refusal.value === undefined) return ok(check, "the broker accepts writes");
  return fail(
    check,
    refusal.value,
    `free some space in the state bucket, or run \`${ownCommand("provision")}\``,
  );
}
