/** How a list of sessions is sorted. `urgency`: those first that somebody should look at. */
export const SORTS = ["urgency", "events", "attempts", "session"] as const;
export type Sort = (typeof SORTS)[number];

/** Ranks of sessions by urgency. A session that is sending changes places with one that waits many times a second, so both count the same. */
export const RANK = {
  parked: 0,
  paused: 1,
  retrying: 2,
  "catching up": 3,
  sending: 4,
  waiting: 4,
  idle: 5,
} as const;

/** What decides on a session's place in a list. It is also the cursor of a page: the next page has what comes after it. */
export type Place = { rank: number; events: number; attempts: number; session: string };

/** Compares the places of two sessions. No two sessions share a place, so pages neither repeat nor lose one that stands still. Pure. */
export function comparePlaces(sort: Sort, a: Place, b: Place): number {
  const byEvents = b.events - a.events;
  const byId = a.session < b.session ? -1 : Number(a.session > b.session);
  switch (sort) {
    case "urgency":
      return a.rank - b.rank || byEvents || byId;
    case "events":
      return byEvents || byId;
    case "attempts":
      return b.attempts - a.attempts || byEvents || byId;
    case "session":
      return byId;
  }
}

/** The first `most` items by place, after a cursor if there is one. Memory does not grow with the items. Pure. */
export function firstOf<T>(
  items: Iterable<T>,
  options: { most: number; sort: Sort; after?: Place | undefined; placeOf: (item: T) => Place },
): T[] {
  const { most, sort, after, placeOf } = options;
  const compare = (a: { place: Place }, b: { place: Place }): number => comparePlaces(sort, a.place, b.place);
  let found: { item: T; place: Place }[] = [];
  for (const item of items) {
    const place = placeOf(item);
    if (after !== undefined && comparePlaces(sort, place, after) <= 0) continue;
    found.push({ item, place });
    if (found.length >= 2 * most + 100) found = found.sort(compare).slice(0, most);
  }
  return found
    .sort(compare)
    .slice(0, most)
    .map(({ item }) => item);
}

/** A place from outside; undefined for anything else. Pure. */
export function placeFrom(value: unknown): Place | undefined {
  const { rank, events, attempts, session } = (value ?? {}) as Partial<Record<keyof Place, unknown>>;
  if (typeof rank !== "number" || typeof events !== "number" || typeof attempts !== "number")
    return undefined;
  return typeof session === "string" ? { rank, events, attempts, session } : undefined;
}

/** Pure. */
export function sortFrom(value: unknown): Sort | undefined {
  return SORTS.find((sort) => sort === value);
}
