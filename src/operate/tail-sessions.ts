import type { JetStreamManager, StoredMsg } from "@nats-io/jetstream";
import { codedError } from "../shared/base/errors.ts";
import { lastFrom, sinceFrom } from "../shared/log/follow/positions.ts";
import { walk } from "../shared/log/follow/walk.ts";
import { textOfToken } from "../shared/log/schema/session-id.ts";
import { isHidden } from "../shared/session-log/event/kinds.ts";
import {
  readSessionEvent,
  type SessionEvent,
  type UnreadableEvent,
} from "../shared/session-log/event/session-event.ts";
import { decodeSession } from "../shared/session-log/registry/entry.ts";
import { keyOf, keySubject } from "../shared/session-log/state/keys.ts";
import { wholeSession } from "../shared/session-log/subjects.ts";
import { SESSION_STATE_STREAM, SESSIONS_STREAM, SESSIONS_SUBJECT } from "../shared/session-log/topology.ts";
import type { Connection } from "./connection.ts";
import { followLog, type FollowDeps } from "./follow-log.ts";
import type { TailStart } from "./tail-start.ts";

/** An event of the log of agent sessions, with the time at which the broker stored it. */
export type TailedEvent = { stored: Date; event: SessionEvent | UnreadableEvent };

export type TailSessionsOptions = {
  /** Only the session that a user calls so. */
  session?: string;
  /** Whose session that is, if several users have one of this id. */
  user?: string;
  start: TailStart;
  follow: boolean;
};

/** Messages that are read at once. */
const PAGE = 256;

/** Yields the events of the log of agent sessions in order from a position, and new ones if it follows. By direct gets (ADR 0012). Throws `nothing_found` and `usage`. */
export async function* tailSessions(
  deps: FollowDeps & { jsm: JetStreamManager; connection: Connection },
  { session, user, start, follow }: TailSessionsOptions,
): AsyncGenerator<TailedEvent> {
  const { jsm, connection } = deps;
  const filter =
    session === undefined
      ? SESSIONS_SUBJECT
      : wholeSession(await connection.whileUp(nameOf(jsm, { id: session, ...(user && { user }) })));
  let next: number | undefined;
  yield* followLog(deps, {
    follow,
    async step() {
      const from = next ?? (await connection.whileUp(sequenceOf(jsm, filter, start)));
      const page = await connection.whileUp(readPage(jsm, filter, from));
      next = (page.at(-1)?.seq ?? from - 1) + 1;
      const visible = page.filter(({ subject }) => !isHidden(subject));
      const shown = visible.map(({ seq, subject, data, time }) => {
        const read = readSessionEvent({ seq, subject, data });
        return { stored: time, event: "event" in read ? read.event : read };
      });
      return { found: page.length > 0, shown };
    },
  });
}

async function readPage(jsm: JetStreamManager, filter: string, from: number): Promise<StoredMsg[]> {
  const page: StoredMsg[] = [];
  for await (const message of walk(jsm, SESSIONS_STREAM, filter, from, PAGE)) {
    page.push(message);
    if (page.length === PAGE) break;
  }
  return page;
}

async function sequenceOf(jsm: JetStreamManager, filter: string, start: TailStart): Promise<number> {
  switch (start.from) {
    case "last":
      return lastFrom(jsm, filter, start.count, SESSIONS_STREAM);
    case "time":
      return sinceFrom(jsm, start.at, SESSIONS_STREAM);
    case "sequence":
      return start.seq;
  }
}

/** The name in subjects of the only session of an id, by its entry in the index. */
async function nameOf(jsm: JetStreamManager, of: { id: string; user?: string }): Promise<string> {
  const { state } = await jsm.streams.info(SESSION_STATE_STREAM, {
    subjects_filter: keySubject(keyOf.indexes(of)),
  });
  const found = await Promise.all(
    Object.keys(state.subjects ?? {}).map(async (last_by_subj) => {
      const entry = await jsm.direct.getMessage(SESSION_STATE_STREAM, { last_by_subj });
      const user = textOfToken(last_by_subj.split(".").at(-2) ?? "");
      const session = entry === null ? undefined : decodeSession(of.id, entry.data);
      return session?.user === user ? session : undefined;
    }),
  );
  const [session, ...others] = found.filter((it) => it !== undefined);
  if (session === undefined) throw codedError("nothing_found", `there is no agent session ${of.id}`);
  if (others.length > 0) {
    const users = [session, ...others].map(({ user }) => user).join(", ");
    throw codedError("usage", `several users have a session ${of.id}; name one with --user: ${users}`);
  }
  return session.name;
}
