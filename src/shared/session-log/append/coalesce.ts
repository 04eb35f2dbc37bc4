/** Longest time that a delta waits for others, ms. A reader does not see it; the log gets a quarter of the appends. */
export const COALESCE_MS = 50;
/** Deltas are not held beyond this many characters: one append must stay small. */
export const MOST_HELD = 16 * 1024;

/** What is held of a stream of deltas. `key` names what they belong to, such as one block of text: only deltas of one key become one. */
export type Held =
  /** Nothing was sent for a while: the next delta goes at once. */
  | { kind: "open" }
  /** One was sent just now. Until then the next ones are collected. */
  | { kind: "cooling"; until: number }
  | { kind: "holding"; until: number; key: string; text: string };

export type Arrival =
  | { type: "delta"; key: string; text: string }
  /** Something that is no delta follows, and must not overtake what is held. */
  | { type: "other" }
  /** The time that was asked for is there. */
  | { type: "due" };

export type CoalesceEffect = { type: "send"; key: string; text: string } | { type: "wake"; at: number };

/** The next state and what is to be done, in this order. `now` is monotonic, ms. Pure. */
export function coalesce(held: Held, arrival: Arrival, now: number): [Held, CoalesceEffect[]] {
  switch (arrival.type) {
    case "delta":
      return withDelta(held, arrival, now);
    case "other":
      return held.kind === "holding" ? [cooling(now), [send(held)]] : [held, []];
    case "due":
      return held.kind === "holding" && now >= held.until ? [cooling(now), [send(held)]] : [held, []];
  }
}

function withDelta(
  held: Held,
  { key, text }: { key: string; text: string },
  now: number,
): [Held, CoalesceEffect[]] {
  if (held.kind === "open" || (held.kind === "cooling" && now >= held.until))
    return [cooling(now), [{ type: "send", key, text }]];
  if (held.kind === "cooling")
    return [{ kind: "holding", until: held.until, key, text }, [{ type: "wake", at: held.until }]];
  if (held.key !== key) {
    const next: Held = { kind: "holding", until: now + COALESCE_MS, key, text };
    return [next, [send(held), { type: "wake", at: next.until }]];
  }
  const all = held.text + text;
  if (all.length >= MOST_HELD || now >= held.until) return [cooling(now), [{ type: "send", key, text: all }]];
  return [{ ...held, text: all }, []];
}

function cooling(now: number): Held {
  return { kind: "cooling", until: now + COALESCE_MS };
}

function send({ key, text }: { key: string; text: string }): CoalesceEffect {
  return { type: "send", key, text };
}
