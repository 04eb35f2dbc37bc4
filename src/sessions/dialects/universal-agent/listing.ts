import type { Session } from "../../../shared/session-log/registry/entry.ts";
import { shownSession } from "./shown.ts";

/** The answer to a list. `running`: names of sessions with a turn that has not ended. Pure. */
export function sessionList(sessions: readonly Session[], running: ReadonlySet<string>): object {
  return {
    sessions: sessions.map((session) => ({
      ...shownSession(session),
      status: statusOf(session, running),
      run_id: null,
      is_live_session: false,
    })),
  };
}

/** Which part of the list a client wants. Without it, all of it. */
export type OpsQuery = { status?: string; owner?: string; limit?: string; offset?: string };

/** The answer to the list for operators, who may ask for a part of it. Pure. */
export function opsList(
  sessions: readonly Session[],
  running: ReadonlySet<string>,
  { status = "all", owner, limit, offset }: OpsQuery,
): object {
  const wanted = sessions
    .filter(({ user }) => owner === undefined || user === owner)
    .filter((session) => status === "all" || statusOf(session, running) === status);
  const from = countOf(offset) ?? 0;
  const most = countOf(limit) ?? wanted.length;
  return {
    sessions: wanted.slice(from, from + most).map((session) => opsItem(session, running)),
    total: wanted.length,
    limit: most,
    offset: from,
  };
}

function opsItem(session: Session, running: ReadonlySet<string>): object {
  const { user_id, ...shown } = shownSession(session);
  const created = new Date(session.at).toISOString();
  return {
    ...shown,
    status: statusOf(session, running),
    owner: user_id,
    source: "api",
    channel: "api",
    memory_mode: "direct_only",
    active_runs: running.has(session.name) ? 1 : 0,
    created_at: created,
    is_live_session: true,
  };
}

function statusOf({ name }: Session, running: ReadonlySet<string>): string {
  return running.has(name) ? "running" : "idle";
}

function countOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
