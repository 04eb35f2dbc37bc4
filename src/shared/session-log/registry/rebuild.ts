import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../base/clock.ts";
import type { Pages } from "../follow/pages.ts";
import { patiently } from "../patiently.ts";
import { writeKey } from "../state/bucket.ts";
import { keyOf } from "../state/keys.ts";
import { encodeSession, type Session } from "./entry.ts";
import {
  CREATIONS,
  findCreation,
  isAsChanged,
  isDeleted,
  newestChange,
  readCreation,
  readIndex,
  withChange,
} from "./find.ts";

/**
 * Enters every session of the log into the index that the index lacks, has another one for, or knows with other metadata. Returns those. Reads all first events: for an operator's command, and harmless
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
  const { found, revision } = await readIndex(jsm, user, id); // before the change, so that a newer one conflicts
  const change = await newestChange(jsm, name);
  const known = found.kind === "there" && found.session.name === name ? found.session : undefined;
  if (known !== undefined && isAsChanged(known, change)) return false;
  const value = encodeSession(withChange(known ?? session, change));
  return (await writeKey(nc, { key: keyOf.index(user, id), value, revision })) !== "conflict";
}
