import { codedError } from "../../base/errors.ts";
import { put, type PutDeps } from "../append/put.ts";
import { encodeSessionEnvelope } from "../event/session-envelope.ts";
import { patiently } from "../patiently.ts";
import { writeKey } from "../state/bucket.ts";
import { keyOf } from "../state/keys.ts";
import { inSubject } from "../subjects.ts";
import { encodeSession, entryProblem, type Session } from "./entry.ts";
import { newestChange, readIndex, withChange, type Change } from "./find.ts";

type Deps = PutDeps & { random: () => string };

/**
 * Changes a session's metadata: first in the log, then in the index, which is made again from the log. Each change names the one before, so that of several at once none is
 * lost. Undefined if the session was deleted. Throws `field_invalid` for a record that is too large, `sessions_full` and `log_refused`.
 */
export async function changeMetadata(
  deps: Deps,
  session: Session,
  change: (metadata: unknown) => Record<string, unknown>,
): Promise<Session | undefined> {
  const { jsm } = deps;
  for (;;) {
    deps.signal.throwIfAborted();
    const { found } = await patiently(() => readIndex(jsm, session.user, session.id), deps);
    if (found.kind !== "there" || found.session.name !== session.name) return undefined;
    const before = await patiently(() => newestChange(jsm, session.name), deps);
    const { record } = withChange(found.session, before);
    const changed = { ...found.session, record: { ...record, metadata: change(record["metadata"]) } };
    const problem = entryProblem(changed);
    if (problem !== undefined) throw codedError("field_invalid", problem);
    if (await storeChange(deps, changed, before)) return await enterChange(deps, session);
  }
}

/** False if another change came first. */
async function storeChange(
  deps: Deps,
  { name, id, record }: Session,
  before: Change | undefined,
): Promise<boolean> {
  const own = deps.random();
  const subject = inSubject(name, "changed");
  const stored = await put(deps, {
    subject,
    filter: subject,
    last: before?.seq ?? 0,
    messageId: `${name}.${own}`,
    data: encodeSessionEnvelope({
      id: own,
      source: "user",
      kind: "session_changed",
      session: id,
      at: deps.clock.wall(),
      body: Buffer.from(JSON.stringify({ metadata: record["metadata"] })),
    }),
    urgent: false,
  });
  if (stored.kind === "refused")
    throw codedError(stored.full ? "sessions_full" : "log_refused", stored.detail);
  return stored.kind === "stored";
}

/** Has the index say what the newest change says. The index is read first, so that a change that comes meanwhile conflicts, or is written behind this one. */
async function enterChange(deps: Deps, { user, id, name }: Session): Promise<Session | undefined> {
  const { nc, jsm } = deps;
  for (;;) {
    deps.signal.throwIfAborted();
    const { found, revision } = await patiently(() => readIndex(jsm, user, id), deps);
    if (found.kind !== "there" || found.session.name !== name) return undefined;
    const changed = withChange(found.session, await patiently(() => newestChange(jsm, name), deps));
    const value = encodeSession(changed);
    if ((await writeKey(nc, { key: keyOf.index(user, id), value, revision })) !== "conflict") return changed;
  }
}
