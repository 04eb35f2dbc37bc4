import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { encodeHeld } from "./held.ts";
import type { LogMark } from "./log-mark.ts";
import { sessionToken } from "./session-id.ts";
import { readRevision, writeState } from "./state-store.ts";
import { stateKey } from "./topology.ts";

/**
 * Events of a held session are acknowledged, so without its pointer nobody would ever send them. A pointer that ended in order left a deletion behind; of one
 * that was lost nothing is there. It is written again, at the place that was seen last: what was sent since comes again, with its key. Returns the sessions.
 */
export async function restorePointers(
  { nc, jsm, wall }: { nc: NatsConnection; jsm: JetStreamManager; wall: () => number },
  held: LogMark["held"] = [],
): Promise<string[]> {
  const lost: string[] = [];
  for (const [session, from, reason] of held) {
    const key = stateKey.held(sessionToken(session));
    if ((await readRevision(jsm, key)) !== 0) continue;
    const text = "its pointer was lost and written again";
    const record = { v: 1, session, from, reason, text, since: wall() } as const;
    if (await writeState(nc, key, encodeHeld(record), 0)) lost.push(session);
  }
  return lost;
}
