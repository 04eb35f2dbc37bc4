import type { Clock } from "../../shared/base/clock.ts";
import { rest } from "../../shared/base/rest.ts";
import type { Session } from "../../shared/session-log/registry/entry.ts";
import { isRefusal, refuse, type Refusal } from "../access/caller.ts";
import type { Arrivals } from "./arrivals.ts";
import type { Located } from "./find.ts";

/** A session is looked for again after this time, should its first event not have been heard of. */
const LOOK_MS = 5000;
/** Pause between looks for one that was heard of: the index has it a moment later. */
const SOON_MS = 20;
/** How often that is done. */
const SOON = 50;

/** The session that `locate` finds, as soon as it does. Rejects with the reason of `signal`. */
export async function awaitSession(
  { arrivals, clock }: { arrivals: Arrivals; clock: Clock },
  locate: () => Promise<Located | Refusal>,
  id: string,
  signal: AbortSignal,
): Promise<Session | Refusal> {
  let wake = new AbortController();
  let soon = 0;
  const forget = arrivals.expect(id, () => {
    soon = SOON;
    wake.abort();
  });
  try {
    for (;;) {
      signal.throwIfAborted();
      const heard = AbortSignal.any([signal, wake.signal]);
      const located = await locate();
      if (isRefusal(located)) return located;
      if (located.kind === "there") return located.session;
      if (located.kind === "deleted") return refuse("session_unknown", "the session was deleted");
      const pause = soon > 0 ? SOON_MS : LOOK_MS;
      soon = Math.max(0, soon - 1);
      await rest(clock, pause, heard);
      if (wake.signal.aborted) wake = new AbortController();
    }
  } finally {
    forget();
  }
}
