import type { JetStreamManager, StoredMsg } from "@nats-io/jetstream";
import { decodeEnvelope, type Envelope } from "../../shared/log/schema/envelope.ts";
import { isCoded } from "../../shared/base/errors.ts";
import { shardOf } from "../../shared/log/schema/partition.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import { EVENTS_STREAM } from "../../shared/log/schema/topology.ts";
import { walk } from "../../shared/log/follow/walk.ts";

const TERMINAL_REPORTS = new Set(["completed", "failed", "stopped"]);
const TERMINAL_STATUS = /"status"\s*:\s*"(finished|completed|failed|stopped)"/;

/** Whether a run report ends its session. Pure. */
export function endsSession({ kind, run, body }: Pick<Envelope, "kind" | "run" | "body">): boolean {
  if (kind !== "run") return false;
  return run === undefined
    ? TERMINAL_STATUS.test(new TextDecoder().decode(body))
    : TERMINAL_REPORTS.has(run.report);
}

/** Sessions whose end is remembered; the log is asked again for others. */
const MOST_KNOWN = 10_000;

/**
 * Where in the log a session ended last by a run report, 0 if it did not. A bind below it would open a finished session again; one above it
 * belongs to a resume, and the relay judges it by the coordinator's word (late binds).
 */
export function createFinished(jsm: JetStreamManager): (session: string) => Promise<number> {
  const known = new Map<string, number>();
  return async (session) => {
    const before = known.get(session);
    if (before !== undefined) return before;
    const last = await lastEnd(jsm, `rr.ev.${shardOf(session)}.*.${sessionToken(session)}.run`);
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(session, last);
    return last;
  };
}

/** The newest report is found at once, and mostly it is the end; only for another one the log is looked through. */
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
