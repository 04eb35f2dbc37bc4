import { isNotice, openSessions, type Session } from "../../../src/client/sessions/index.ts";

/** Sequences of each session, by its id, as they are read without a proxy. */
export async function storedIn(
  direct: { url: string; key: string },
  sessions: readonly Pick<Session, "session_id" | "user_id">[],
): Promise<Map<string, number[]>> {
  await using client = openSessions(direct);
  const stored = new Map<string, number[]>();
  for (const session of sessions) {
    const seqs: number[] = [];
    for await (const item of client.watch(session)) {
      if (item.type === "caught_up") break;
      if (!isNotice(item)) seqs.push(item.seq);
    }
    stored.set(session.session_id, seqs);
  }
  return stored;
}
