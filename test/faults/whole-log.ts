import type { Pages } from "../../src/shared/session-log/follow/pages.ts";
import type { ReadEvent } from "../../src/shared/session-log/follow/stored-event.ts";
import { wholeSession } from "../../src/shared/session-log/subjects.ts";

/** Everything that the log has of a session, by its name in subjects. */
export async function wholeLog(pages: Pages, name: string): Promise<ReadEvent[]> {
  const all: ReadEvent[] = [];
  for (let from = 1; ;) {
    const { events, more } = await pages.read(wholeSession(name), from);
    all.push(...events);
    from = (all.at(-1)?.seq ?? 0) + 1;
    if (!more) return all;
  }
}
