import type { JetStreamManager } from "@nats-io/jetstream";
import { parseJsonWithin, QUESTION } from "../../base/json-scan.ts";
import { readSessionEvent } from "../event/session-event.ts";
import { outSubject } from "../subjects.ts";
import { SESSIONS_STREAM } from "../topology.ts";

/** The root of workspaces in which the last owner of a session worked, as it said when it became the owner, asked of the leader. Undefined if there was none yet. */
export async function lastOwner(
  jsm: JetStreamManager,
  session: string,
): Promise<{ root: string; place: string } | undefined> {
  const last_by_subj = outSubject(session, "owner");
  const found = await jsm.streams.getMessage(SESSIONS_STREAM, { last_by_subj });
  const read = found === null ? undefined : readSessionEvent(found);
  if (read === undefined || !("event" in read)) return undefined;
  const data = parseJsonWithin(read.envelope.body, QUESTION);
  if (typeof data !== "object" || data === null) return undefined;
  const { root, place } = data as Record<string, unknown>;
  return typeof root === "string" && typeof place === "string" ? { root, place } : undefined;
}
