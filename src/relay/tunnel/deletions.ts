import type { Clock } from "../../shared/base/clock.ts";
import { deletedSession } from "./limits.ts";

/** How long the deletion of a session waits for its events (docs/contract.md, "Refusals and limits"). */
const DELETE_WAIT_MS = 30_000;
const DELETE_LOOK_MS = 50;

/**
 * Resolves when a request may go out, to false if it never may. A deletion must not overtake the session's own events; everything else is not ordered with
 * them.
 */
export async function behindEvents(
  deps: {
    clock: Clock;
    /** Resolves to true if no event of this session waits. */
    quiet: (session: string) => Promise<boolean>;
    stopped: () => boolean;
  },
  { method, target }: { method: string; target: string },
): Promise<boolean> {
  const { clock } = deps;
  const session = method === "DELETE" ? deletedSession(target) : undefined;
  if (session === undefined) return true;
  const until = clock.now() + DELETE_WAIT_MS;
  // the broker may be away for a moment
  while (!(await deps.quiet(session).catch(() => false))) {
    if (clock.now() > until || deps.stopped()) return false;
    await new Promise<void>((resolve) => void clock.after(DELETE_LOOK_MS, resolve));
  }
  return true;
}
