import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../base/clock.ts";
import { rest } from "../../base/rest.ts";
import type { Leader } from "../follow/leader.ts";
import { writeKey } from "../state/bucket.ts";
import { DELETED_SECONDS, keyOf } from "../state/keys.ts";
import { wholeSession } from "../subjects.ts";
import { SESSIONS_STREAM } from "../topology.ts";

/** Pause behind a removal, in which appends that it held up are stored. */
export const PURGE_PAUSE_MS = 100;

/** Removes everything of a session that was deleted, also what a process wrote since that did not know. Returns how many events that were. */
export async function erase(
  { nc, jsm, leader, clock }: { nc: NatsConnection; jsm: JetStreamManager; leader: Leader; clock: Clock },
  session: string,
): Promise<number> {
  if ((await leader.lastOf(session)) === 0) return 0;
  const { purged } = await jsm.streams.purge(SESSIONS_STREAM, { filter: wholeSession(session) });
  if ((await leader.floorOf(session)) > 0)
    await writeKey(nc, { key: keyOf.floor(session), value: undefined, ttlSeconds: DELETED_SECONDS });
  await rest(clock, PURGE_PAUSE_MS);
  return purged;
}
