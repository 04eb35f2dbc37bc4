import { patiently } from "../../shared/session-log/patiently.ts";
import { unfinishedSessions } from "../../shared/session-log/turns/unfinished.ts";
import type { Within } from "./deps.ts";

/** Names of all sessions that have turns which have not ended. */
export async function unfinished(deps: Within): Promise<ReadonlySet<string>> {
  return new Set(await patiently(() => unfinishedSessions(deps.jsm), deps));
}
