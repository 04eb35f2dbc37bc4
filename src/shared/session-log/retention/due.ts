import type { Holding } from "./holding.ts";

/** How much of a session is kept. */
export type RetentionLimits = {
  /** Milliseconds. */
  maxAge: number;
  maxBytes: number;
};

/** What is to be removed of a session: of each kind what lies below a sequence, which is the floor, but for what has to stay of it. `events`: with the newest change of its metadata, which stays. */
export type Due = { floor: number; kinds: { kind: string; below: number }[]; events: number };

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
  if (floor === 0) return undefined;
  const below = (kind: string): number => (kind === "in.changed" ? Math.min(floor, holding.changed) : floor);
  return { floor, kinds: [...kinds].toSorted().map((kind) => ({ kind, below: below(kind) })), events };
}
