import type { Envelope } from "../../shared/log/schema/envelope.ts";
import { pathSegment } from "../../shared/log/schema/session-id.ts";
import { readLongAnswerObject } from "./answer-body.ts";
import type { AttemptResult } from "./verdict.ts";

/** A bind that goes out within this of its acceptance is never late (the default `ANSWER_WAIT`). */
export const FRESH_BIND_MS = 2000;

const TERMINAL = new Set(["finished", "completed", "failed", "stopped"]);
const ACTIVE = new Set(["pending", "claimed", "running", "stopping"]);

/** What to do with a bind that comes late. */
export type LateBind =
  | { kind: "send" }
  | { kind: "superseded"; reason: string }
  /** `result`: the answer that could not be used. */
  | { kind: "undecided"; reason: string; result: AttemptResult };

async function jsonOf(result: AttemptResult): Promise<Record<string, unknown> | undefined> {
  if (result.kind !== "response" || result.status !== 200 || result.broken) return undefined;
  return readLongAnswerObject(result.body);
}

/**
 * A bind always sets its session to running, also one that finished meanwhile: its result would be lost to view. So a late one is
 * sent only if the session is not over, or a run of it is active (a resume binds a finished session legitimately). `get` asks the
 * coordinator with credentials.
 */
export async function judgeLateBind(
  envelope: Envelope,
  get: (path: string) => Promise<AttemptResult>,
): Promise<LateBind> {
  const asked = await get(`/sessions/${pathSegment(envelope.session)}/status`);
  const status = await jsonOf(asked);
  if (typeof status?.["status"] !== "string")
    return { kind: "undecided", reason: "the session's status cannot be read", result: asked };
  if (!TERMINAL.has(status["status"])) return { kind: "send" };
  const listed = await get("/runs");
  const runs = (await jsonOf(listed))?.["runs"];
  if (!Array.isArray(runs)) return { kind: "undecided", reason: "the runs cannot be read", result: listed };
  const active = runs.some((run) => run?.session_id === envelope.session && ACTIVE.has(run?.status));
  return active
    ? { kind: "send" }
    : { kind: "superseded", reason: `the session is ${status["status"]} and no run of it is active` };
}
