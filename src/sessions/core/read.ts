import { rest } from "../../shared/base/rest.ts";
import type { ReadEvent } from "../../shared/session-log/follow/stored-event.ts";
import { patiently } from "../../shared/session-log/patiently.ts";
import { SESSIONS_STREAM } from "../../shared/session-log/topology.ts";
import type { Within } from "./deps.ts";

/** Pause before a copy of the log is asked again that has not everything yet. */
const STALE_MS = 20;

/** Events that match `filter` behind a place, as far as they are read, up to the last one that the leader names: a copy may be behind. */
export async function* eventsOf(
  deps: Within,
  filter: string,
  after: number,
): AsyncGenerator<ReadEvent, void> {
  const { pages, clock, signal } = deps;
  for (let last = after; ;) {
    const { events, more } = await patiently(() => pages.read(filter, last + 1), deps);
    for (const event of events) {
      last = event.seq;
      yield event;
    }
    if (more) continue;
    if ((await lastOf(deps, filter)) <= last) return;
    await rest(clock, STALE_MS, signal);
  }
}

/** Place of the newest event that matches, as the leader has it; 0 if there is none. */
export function lastOf(deps: Within, filter: string): Promise<number> {
  const query = { last_by_subj: filter };
  return patiently(async () => (await deps.jsm.streams.getMessage(SESSIONS_STREAM, query))?.seq ?? 0, deps);
}
