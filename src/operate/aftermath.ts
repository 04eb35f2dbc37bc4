import type { Clock } from "../shared/base/clock.ts";
import { rest } from "../shared/base/rest.ts";
import { standsStill, type SessionStanding } from "../shared/messages/standing/session-standing.ts";

/** How long a command waits for the answer to a session's first event. A healthy coordinator needs a few milliseconds. */
export const AFTERMATH_WAIT_MS = 3000;
const LOOK_MS = 100;

/** What became of a session whose first event was tried. `unknown`: there was no answer in time. */
export type Aftermath =
  | { kind: "moves" }
  | { kind: "still"; standing: SessionStanding }
  | { kind: "unknown" };

/**
 * What became of a session after an operator had its first event tried. `moves`: the event is settled. `still`: the try failed, or the session waits for something
 * else now. Undefined: nothing is known yet. `before`: how it stood when its try was asked for; absent if it was released, so that whatever stops it is new. Pure.
 */
export function judgeAftermath(
  now: SessionStanding | undefined,
  before?: Pick<SessionStanding, "attempts" | "nextAt">,
): "moves" | "still" | undefined {
  if (now === undefined || now.state === "idle") return "moves";
  if (now.state === "parked" || now.state === "paused") return "still";
  if (before !== undefined && now.attempts < before.attempts) return "moves";
  if (before !== undefined && before.attempts === 0 && now.reason === "") return "moves"; // the coordinator is back
  // while it is on its way it has no time of a next try
  if (!standsStill(now) || now.state === "sending" || now.nextAt === undefined) return undefined;
  if (before === undefined || now.attempts > before.attempts) return "still";
  return before.nextAt === undefined || now.nextAt > before.nextAt ? "still" : undefined;
}

/** Waits a moment for what becomes of it. */
export async function awaitAftermath(
  read: () => Promise<SessionStanding | undefined>,
  clock: Clock,
  before?: SessionStanding,
): Promise<Aftermath> {
  const end = clock.now() + AFTERMATH_WAIT_MS;
  for (;;) {
    const now = await read();
    const judged = judgeAftermath(now, before);
    if (judged === "moves") return { kind: "moves" };
    if (judged === "still" && now !== undefined) return { kind: "still", standing: now };
    if (clock.now() >= end) return { kind: "unknown" };
    await rest(clock, LOOK_MS);
  }
}
