import type { JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/nats-core";
import { violationOf } from "../../base/violation.ts";
import { RETENTION_MS, STATE_BUCKET, STATE_BYTES, STATE_STREAM, stateKey } from "../schema/topology.ts";
import type { DeadLetter } from "./dead-letters.ts";
import { readState } from "./state-store.ts";

/** Twice the retention of the event itself, after which its receipt cannot be requested. */
const KEPT_SECONDS: number = (2 * RETENTION_MS) / 1000;
/** Longest reason that is kept, characters. */
const MOST_REASON = 200;
const TIMEOUT_MS = 5000;

/** May marks be written? Half of the bucket stays free for what relays cannot do without. Pure. */
export function hasRoom({ config, state }: Pick<StreamInfo, "config" | "state">): boolean {
  const most = config.max_bytes > 0 ? config.max_bytes : STATE_BYTES;
  return state.bytes < most / 2;
}

/** Remembers that an operator dropped a dead letter, for the receipt of its event. False if this login may not, as with an older users.conf. */
export async function noteDropped(
  nc: NatsConnection,
  { id, origSeq, reason }: Pick<DeadLetter, "id" | "origSeq" | "reason">,
): Promise<boolean> {
  const head = headers();
  head.set("Nats-TTL", `${KEPT_SECONDS}s`);
  const subject = `$KV.${STATE_BUCKET}.${stateKey.dropped(id, origSeq)}`;
  try {
    const reply = await nc.request(subject, reason.slice(0, MOST_REASON), {
      headers: head,
      timeout: TIMEOUT_MS,
    });
    const { error } = reply.json<{ error?: { description?: string } }>();
    if (error === undefined) return true;
    throw new Error(`the dropped event could not be recorded: ${error.description ?? "refused"}`);
  } catch (error) {
    if (violationOf(error) !== undefined) return false;
    throw error;
  }
}

/** True if the state bucket has room for marks now. */
export async function mayNote(jsm: JetStreamManager): Promise<boolean> {
  return hasRoom(await jsm.streams.info(STATE_STREAM));
}

/** Why an event had died whose dead letter was dropped. Undefined if none was, of its message at this sequence of the log. `*`: of any of its messages. */
export async function readDropped(
  jsm: JetStreamManager,
  id: string,
  seq: number | "*",
): Promise<string | undefined> {
  const stored = await readState(jsm, stateKey.dropped(id, seq));
  return stored && new TextDecoder().decode(stored.value);
}
