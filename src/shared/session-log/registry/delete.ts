import type { PutDeps } from "../append/put.ts";
import { patiently } from "../patiently.ts";
import { writeKey } from "../state/bucket.ts";
import { DELETED_SECONDS, keyOf } from "../state/keys.ts";
import type { Session } from "./entry.ts";
import { readIndex } from "./find.ts";

/**
 * Deletes a session: from the tombstone on nobody reads it, and its id is free. Its events are removed by the user that may (`sweep.ts`). Idempotent. Rejects if it is not known
 * whether the tombstone was written: then the caller repeats it.
 */
export async function deleteSession(
  { nc, jsm, clock, signal }: Pick<PutDeps, "nc" | "jsm" | "clock" | "signal">,
  { user, id, name }: Session,
): Promise<void> {
  const at = new TextEncoder().encode(String(clock.wall()));
  const ttlSeconds = DELETED_SECONDS;
  await writeKey(nc, { key: keyOf.tombstone(name), value: at, ttlSeconds }); // first: readers refuse
  const { found, revision } = await patiently(() => readIndex(jsm, user, id), { clock, signal });
  if (found.kind === "deleted")
    await writeKey(nc, { key: keyOf.index(user, id), value: undefined, revision, ttlSeconds });
}
