import type { JetStreamManager } from "@nats-io/jetstream";
import { SESSIONS_STREAM } from "../topology.ts";

/**
 * The sessions that have turns which have not ended, with their number. The broker counts messages by subject: each turn has one in which it was asked for, and one end.
 * Nothing is read, so that it can be asked each second.
 */
export async function openTurnCounts(jsm: JetStreamManager): Promise<Map<string, number>> {
  const [ended, asked] = [
    await countBySession(jsm, "out.turn_ended"),
    await countBySession(jsm, "in.turn.*"),
  ];
  const open = [...asked].map(([session, count]) => [session, count - (ended.get(session) ?? 0)] as const);
  return new Map(open.filter(([, count]) => count > 0));
}

/** Their names. */
export async function unfinishedSessions(jsm: JetStreamManager): Promise<string[]> {
  return [...(await openTurnCounts(jsm)).keys()];
}

/** Turns of a session that have not ended. */
export async function openTurns(jsm: JetStreamManager, session: string): Promise<number> {
  const [ended, asked] = [
    await countBySession(jsm, "out.turn_ended", session),
    await countBySession(jsm, "in.turn.*", session),
  ];
  return (asked.get(session) ?? 0) - (ended.get(session) ?? 0);
}

/** The ends are counted first: a turn that is asked for meanwhile looks unfinished, never the other way round. */
async function countBySession(jsm: JetStreamManager, kind: string, of = "*"): Promise<Map<string, number>> {
  const { state } = await jsm.streams.info(SESSIONS_STREAM, { subjects_filter: `rr.ses.${of}.${kind}` });
  const counts = new Map<string, number>();
  for (const [subject, count] of Object.entries(state.subjects ?? {})) {
    const session = subject.split(".", 3)[2] ?? "";
    counts.set(session, (counts.get(session) ?? 0) + count);
  }
  return counts;
}
