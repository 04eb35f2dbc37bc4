import type { JetStreamManager, StoredMsg } from "@nats-io/jetstream";
import { decodeEnvelope, type Envelope } from "../../shared/log/schema/envelope.ts";
import { isCoded } from "../../shared/base/errors.ts";
import { partitionOf } from "../../shared/log/schema/partition.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import { EVENTS_STREAM } from "../../shared/log/schema/topology.ts";
import { walk } from "../../shared/log/follow/walk.ts";

const TERMINAL_REPORTS = new Set(["completed", "failed", "stopped"]);
const TERMINAL_STATUS = /"status"\s*:\s*"(finished|completed|failed|stopped)"/;

/** True if a run report ends its session. Pure. */
export function endsSession({ kind, run, body }: Pick<Envelope, "kind" | "run" | "body">): boolean {
  if (kind !== "run") return false;
  return run === undefined
    ? TERMINAL_STATUS.test(new TextDecoder().decode(body))
    : TERMINAL_REPORTS.has(run.report);
}

/** Sessions whose end is cached. For others the log is asked again. */
const MOST_KNOWN = 10_000;

/**
 * The sequence at which a run report last ended a session, 0 if none did. A bind below it would open a finished session again. A bind above it
 * belongs to a resume, and the relay asks the coordinator about it (late binds).
 */
export function createFinished(
  jsm: JetStreamManager,
  shardCount: number,
): (session: string) => Promise<number> {
  const known = new Map<string, number>();
  return async (session) => {
    const before = known.get(session);
    if (before !== undefined) return before;
    const last = await lastEnd(
      jsm,
      `rr.ev.${partitionOf(session, shardCount)}.*.${sessionToken(session)}.run`,
    );
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(session, last);
    return last;
  };
}

/** The newest report is found at once and usually is the end. Only if it is not, the log is searched. */
async function lastEnd(jsm: JetStreamManager, filter: string): Promise<number> {
  const newest = await jsm.direct.getMessage(EVENTS_STREAM, { last_by_subj: filter });
  if (newest === null) return 0;
  if (isEnd(newest)) return newest.seq;
  let last = 0;
  for await (const message of walk(jsm, EVENTS_STREAM, filter)) if (isEnd(message)) last = message.seq;
  return last;
}

function isEnd({ data }: StoredMsg): boolean {
  try {
    return endsSession(decodeEnvelope(data));
  } catch (error) {
    if (isCoded(error, "envelope_invalid")) return false;
    throw error;
  }
}
