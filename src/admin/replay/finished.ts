import type { JetStreamManager } from "@nats-io/jetstream";
import { decodeEnvelope, type Envelope } from "../../shared/envelope.ts";
import { isCoded } from "../../shared/errors.ts";
import { shardOf } from "../../shared/partition.ts";
import { sessionToken } from "../../shared/session-id.ts";
import { EVENTS_STREAM } from "../../shared/topology.ts";
import { walk } from "../../shared/walk.ts";

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
    let last = 0;
    const filter = `rr.ev.${shardOf(session)}.*.${sessionToken(session)}.run`;
    for await (const message of walk(jsm, EVENTS_STREAM, filter)) {
      try {
        if (endsSession(decodeEnvelope(message.data))) last = message.seq;
      } catch (error) {
        if (!isCoded(error, "envelope_invalid")) throw error;
      }
    }
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(session, last);
    return last;
  };
}
