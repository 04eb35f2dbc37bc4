/** An event of a session as retention sees it. `turn`: of starts and ends of turns. */
export type HeldEvent = { seq: number; kind: string; bytes: number; at: number; turn?: string };

/** Some events that may be removed together, as soon as all of them may. */
export type Block = {
  to: number;
  events: number;
  bytes: number;
  /** When the newest one was stored. */
  at: number;
  kinds: ReadonlySet<string>;
};

/** What one session has in the log. */
export type Holding = {
  last: number;
  /** Of all its events. */
  bytes: number;
  /** What may go, oldest first. */
  blocks: readonly Block[];
  /** Turns that were started and have not ended, with the sequence of their start. */
  open: ReadonlyMap<string, number>;
  /** Start of the turn that ended last; 0 if none did. */
  lastEnded: number;
  /** The newest change of its metadata, which stays; 0 if there was none. */
  changed: number;
  /** False for a session of an agent outside, which has no turns. */
  hasTurns: boolean;
};

export const NOTHING_HELD: Holding = {
  last: 0,
  bytes: 0,
  blocks: [],
  open: new Map(),
  lastEnded: 0,
  changed: 0,
  hasTurns: false,
};

/** Kinds as `<side>.<kind>` that stay for as long as the session: who did what when, and what repeats are recognised by. */
const KEPT: ReadonlySet<string> = new Set([
  "in.created",
  "in.turn",
  "in.decision",
  "in.mode",
  "out.owner",
  "out.turn_ended",
]);

/** A block is full with this: few enough to remember many sessions, small enough to remove little more than is due. */
const BLOCK: { events: number; bytes: number } = { events: 256, bytes: 256 * 1024 };

/** What a session has after some more events, in their order. Those that were seen before are passed over. Pure. */
export function hold(holding: Holding, events: readonly HeldEvent[]): Holding {
  const blocks = [...holding.blocks];
  const open = new Map(holding.open);
  const next = { ...holding, blocks, open };
  for (const event of events) {
    if (event.seq <= next.last) continue;
    next.last = event.seq;
    next.bytes += event.bytes;
    next.hasTurns ||= event.kind === "in.turn" || event.kind.startsWith("out.");
    const { turn } = event;
    if (event.kind === "in.changed") next.changed = event.seq;
    if (event.kind === "out.turn_started" && turn !== undefined) open.set(turn, event.seq);
    if (event.kind === "out.turn_ended" && turn !== undefined) {
      next.lastEnded = Math.max(next.lastEnded, open.get(turn) ?? 0);
      open.delete(turn);
    }
    if (!KEPT.has(event.kind)) addTo(blocks, event);
  }
  return next;
}

function addTo(blocks: Block[], { seq, kind, bytes, at, turn }: HeldEvent): void {
  const newest = blocks.at(-1);
  // a turn begins a block, so that what lies below its start can go as soon as that may
  const starts = kind === "out.turn_started" && turn !== undefined;
  if (newest === undefined || starts || newest.events >= BLOCK.events || newest.bytes >= BLOCK.bytes) {
    blocks.push({ to: seq, events: 1, bytes, at, kinds: new Set([kind]) });
    return;
  }
  blocks[blocks.length - 1] = {
    to: seq,
    events: newest.events + 1,
    bytes: newest.bytes + bytes,
    at: Math.max(newest.at, at),
    kinds: newest.kinds.has(kind) ? newest.kinds : new Set([...newest.kinds, kind]),
  };
}

/** What a session has after everything of its blocks below `floor` was removed. Pure. */
export function released(holding: Holding, floor: number): Holding {
  const gone = holding.blocks.filter(({ to }) => to < floor);
  const bytes = gone.reduce((sum, block) => sum + block.bytes, 0);
  return { ...holding, bytes: holding.bytes - bytes, blocks: holding.blocks.slice(gone.length) };
}
