import { readSessionEvent } from "../../shared/session-log/event/session-event.ts";
import type { Hub } from "../../shared/session-log/follow/hub.ts";

/** Hears of sessions that are made. */
export type Arrivals = {
  /** Calls `arrived` whenever somebody's session with this id is made, until the returned function is called. */
  expect(id: string, arrived: () => void): () => void;
};

export function createArrivals(hub: Pick<Hub, "hear">): Arrivals {
  const expected = new Map<string, Set<() => void>>();
  hub.hear((event) => {
    if (expected.size === 0 || !event.subject.includes(".in.created.")) return;
    const read = readSessionEvent(event);
    if (!("envelope" in read)) return;
    for (const arrived of expected.get(read.envelope.session) ?? []) arrived();
  });
  return {
    expect(id, arrived) {
      const waiting = expected.get(id) ?? new Set();
      expected.set(id, waiting.add(arrived));
      return () => {
        waiting.delete(arrived);
        if (waiting.size === 0 && expected.get(id) === waiting) expected.delete(id);
      };
    },
  };
}
