import type { JetStreamManager } from "@nats-io/jetstream";
import { textOfToken } from "../../log/schema/session-id.ts";
import { decodeSession, ownToken, type Session } from "../registry/entry.ts";
import { CREATIONS, isAsChanged, readChange, readCreation } from "../registry/find.ts";
import { keyOf, keySubject } from "../state/keys.ts";
import { inSubject, parseSessionSubject } from "../subjects.ts";
import { SESSION_STATE_STREAM, SESSIONS_STREAM } from "../topology.ts";

/** How the index of sessions compares with the log. */
export type IndexCheck = {
  sessions: number;
  /** Sessions of the log that the index lacks, or knows with other metadata. */
  lost: Pick<Session, "user" | "id">[];
};

/** Sessions that are read, of those that seem to be lost or were changed. Each costs some requests of about 0.5 ms. */
const MOST_READ = 500;
const AT_ONCE = 32;
/** A session or a change that is younger is perhaps just being entered. */
const YOUNG_MS = 60_000;

const lastToken = (subject: string): string => subject.split(".").at(-1) ?? "";
const nameIn = (subject: string): string => parseSessionSubject(subject)?.session ?? "";

/**
 * Looks for sessions that exist and are in no list. Which ones there are, the broker tells by their subjects; only those are read that have no entry, and those whose
 * metadata was changed. What is younger than `youngMs` is left out.
 */
export async function checkIndex(jsm: JetStreamManager, youngMs: number = YOUNG_MS): Promise<IndexCheck> {
  const created = await subjectsOf(jsm, SESSIONS_STREAM, CREATIONS); // first: what is made or deleted meanwhile has an entry
  const changed = await subjectsOf(jsm, SESSIONS_STREAM, "rr.ses.*.in.changed");
  const tombstones = await subjectsOf(jsm, SESSION_STATE_STREAM, keySubject(keyOf.tombstone("*")));
  const indexed = await subjectsOf(jsm, SESSION_STATE_STREAM, keySubject(keyOf.indexes({})));
  const deleted = new Set(tombstones.subjects.map(lastToken));
  const mayDiffer = new Set(changed.subjects.map(nameIn));
  const entries = new Set(indexed.subjects.map(ownTokenOf));
  const existing = created.subjects.filter((subject) => !deleted.has(nameIn(subject)));
  const suspects = existing.filter(
    (subject) => !entries.has(lastToken(subject)) || mayDiffer.has(nameIn(subject)),
  );
  const until = created.at - youngMs;
  const lost: IndexCheck["lost"] = [];
  const next = suspects.slice(0, MOST_READ).values();
  const reader = async (): Promise<void> => {
    for (const subject of next) {
      const session = await readCreated(jsm, subject, until);
      if (session !== undefined && (await isLost(jsm, session, until))) lost.push(session);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, reader));
  return { sessions: existing.length, lost: lost.map(({ user, id }) => ({ user, id })) };
}

/** The subjects of a stream that match, and the broker's time. */
async function subjectsOf(
  jsm: JetStreamManager,
  stream: string,
  filter: string,
): Promise<{ subjects: string[]; at: number }> {
  const { state, ts } = await jsm.streams.info(stream, { subjects_filter: filter });
  return { subjects: Object.keys(state.subjects ?? {}), at: ts === undefined ? Date.now() : Date.parse(ts) };
}

/** The session that was made with this subject, before `until`. */
async function readCreated(
  jsm: JetStreamManager,
  subject: string,
  until: number,
): Promise<Session | undefined> {
  const found = await jsm.direct.getMessage(SESSIONS_STREAM, { last_by_subj: subject });
  return found === null || found.time.getTime() > until ? undefined : readCreation(found);
}

/** Is it not in the index as the log describes it, and not deleted meanwhile? */
async function isLost(jsm: JetStreamManager, session: Session, until: number): Promise<boolean> {
  const { user, id, name } = session;
  const keyed = (key: string) =>
    jsm.direct.getMessage(SESSION_STATE_STREAM, { last_by_subj: keySubject(key) });
  const [entry, changed] = await Promise.all([
    keyed(keyOf.index(user, id)),
    jsm.direct.getMessage(SESSIONS_STREAM, { last_by_subj: inSubject(name, "changed") }),
  ]);
  const known = entry === null ? undefined : decodeSession(id, entry.data);
  const change = changed === null || changed.time.getTime() > until ? undefined : readChange(changed);
  if (known?.name === name && isAsChanged(known, change)) return false;
  return (await keyed(keyOf.tombstone(name))) === null;
}

/** What the first event of the session has in its subject that an entry of the index is for. */
function ownTokenOf(subject: string): string {
  const [id = "", user = ""] = subject.split(".").toReversed();
  try {
    return ownToken(textOfToken(user), textOfToken(id));
  } catch {
    return ""; // no program of ours wrote it
  }
}
