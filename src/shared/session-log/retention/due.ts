import type { Holding } from "./holding.ts";

/** How much of a session is kept. */
export type RetentionLimits = {
  /** Milliseconds. */
  maxAge: number;
  maxBytes: number;
};

/** What is to be removed of a session: everything of `kinds` below `floor`. */
export type Due = { floor: number; kinds: string[]; events: number };

/** A session that has too many bytes loses some more than it must, so that it does not come up again at once. */
const SHRINK_TO = 0.75;

/**
 * What has to go of a session, and may. Undefined: nothing. Only what lies below the start of the turn that ended last may go: so the turn that runs, the last one that
 * a reader could have missed, and the owner's newest event stay whole. Where there are no turns, all but the newest event may. Pure.
 */
export function dueOf(holding: Holding, limits: RetentionLimits, now: number): Due | undefined {
  const ceiling = holding.hasTurns ? holding.lastEnded : holding.last;
  const target = holding.bytes > limits.maxBytes ? limits.maxBytes * SHRINK_TO : Infinity;
  const kinds = new Set<string>();
  let { bytes } = holding;
  let floor = 0;
  let events = 0;
  for (const block of holding.blocks) {
    if (block.to >= ceiling || (block.at >= now - limits.maxAge && bytes <= target)) break;
    floor = block.to + 1;
    bytes -= block.bytes;
    events += block.events;
    for (const kind of block.kinds) kinds.add(kind);
  }
  return floor === 0 ? undefined : { floor, kinds: [...kinds].toSorted(), events };
}
