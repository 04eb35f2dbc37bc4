import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../base/clock.ts";
import type { Pages } from "../follow/pages.ts";
import { patiently } from "../patiently.ts";
import { writeKey } from "../state/bucket.ts";
import { keyOf } from "../state/keys.ts";
import { encodeSession, type Session } from "./entry.ts";
import { CREATIONS, findCreation, isDeleted, readCreation, readIndex } from "./find.ts";

/**
 * Enters every session of the log into the index that the index lacks, or has another one for. Returns those. Reads all first events: for an operator's command, and harmless
 * while sessions are made and deleted.
 */
export async function rebuildIndex(deps: {
  nc: NatsConnection;
  jsm: JetStreamManager;
  pages: Pages;
  clock: Clock;
  signal: AbortSignal;
}): Promise<Session[]> {
  const entered: Session[] = [];
  for (let from = 1; ;) {
    const { events, more } = await patiently(() => deps.pages.read(CREATIONS, from), deps);
    for (const event of events) {
      from = event.seq + 1;
      const session = readCreation(event);
      if (session !== undefined && (await patiently(() => enterIfLost(deps, event.seq, session), deps)))
        entered.push(session);
    }
    if (!more) return entered;
  }
}

/** Enters a session, if it is the newest of its user and id, and exists. */
async function enterIfLost(
  { nc, jsm }: { nc: NatsConnection; jsm: JetStreamManager },
  seq: number,
  session: Session,
): Promise<boolean> {
  const { user, id, name } = session;
  if ((await findCreation(jsm, user, id))?.seq !== seq || (await isDeleted(jsm, name))) return false;
  const { found, revision } = await readIndex(jsm, user, id);
  if (found.kind === "there" && found.session.name === name) return false;
  const written = await writeKey(nc, { key: keyOf.index(user, id), value: encodeSession(session), revision });
  return written !== "conflict";
}
