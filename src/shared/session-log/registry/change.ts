import { codedError } from "../../base/errors.ts";
import type { PutDeps } from "../append/put.ts";
import { patiently } from "../patiently.ts";
import { writeKey } from "../state/bucket.ts";
import { keyOf } from "../state/keys.ts";
import { encodeSession, entryProblem, type Session } from "./entry.ts";
import { readIndex } from "./find.ts";

/**
 * Changes what the index keeps of a session; its first event stays as it is. Of changes at the same time none is lost. Undefined if the session was deleted. Throws
 * `field_invalid` for a record that is too large.
 */
export async function changeRecord(
  deps: Pick<PutDeps, "nc" | "jsm" | "clock" | "signal">,
  { user, id, name }: Session,
  change: (record: Record<string, unknown>) => Record<string, unknown>,
): Promise<Session | undefined> {
  const { nc, jsm } = deps;
  for (;;) {
    deps.signal.throwIfAborted();
    const { found, revision } = await patiently(() => readIndex(jsm, user, id), deps);
    if (found.kind !== "there" || found.session.name !== name) return undefined;
    const changed = { ...found.session, record: change(found.session.record) };
    const problem = entryProblem(changed);
    if (problem !== undefined) throw codedError("field_invalid", problem);
    const value = encodeSession(changed);
    if ((await writeKey(nc, { key: keyOf.index(user, id), value, revision })) !== "conflict") return changed;
  }
}
