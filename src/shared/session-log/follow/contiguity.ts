/**
 * How far a process knows the log of sessions without a gap. Sequences of the stream have no gaps while it is written, so that one that is missing was lost on
 * the way, or removed since.
 */
export type Position =
  /** Everything up to here was handed on. */
  | { kind: "live"; upTo: number }
  /** There is more, up to `seen` at the least: it is read from the log, and what is heard meanwhile is met there. */
  | { kind: "behind"; upTo: number; seen: number };

export type Learnt =
  /** Heard from the broker as it was stored. */
  | { type: "heard"; seq: number }
  /** Read from the log, with nothing between this one and the one before it. */
  | { type: "read"; seq: number }
  /** The leader says that nothing lies above `upTo` but below or at this. */
  | { type: "nothing"; below: number }
  /** The leader's last sequence, asked when `asked` was known. `other`: of another log than before. */
  | { type: "last"; last: number; asked: number; other: boolean };

export type Move =
  | "deliver"
  | "ignore"
  /** Read the log from `upTo` + 1 on. */
  | "read"
  /** Something was removed before it could be read. Watchers go back to their cursors, where a removal is named, and read the event there. */
  | "rejoin"
  /** The log ends below what was handed on: it is another one, or was restored. */
  | "reset";

/** The next position, and what to do. Pure. */
export function advance(at: Position, learnt: Learnt): [Position, Move] {
  switch (learnt.type) {
    case "heard":
      if (learnt.seq <= at.upTo) return [at, "ignore"];
      if (at.kind === "behind") return [{ ...at, seen: Math.max(at.seen, learnt.seq) }, "ignore"];
      if (learnt.seq === at.upTo + 1) return [{ kind: "live", upTo: learnt.seq }, "deliver"];
      return [{ kind: "behind", upTo: at.upTo, seen: learnt.seq }, "read"];
    case "read":
      if (learnt.seq <= at.upTo) return [at, "ignore"];
      return [reached(at, learnt.seq), learnt.seq === at.upTo + 1 ? "deliver" : "rejoin"];
    case "nothing":
      if (learnt.below <= at.upTo) return [reached(at, at.upTo), "ignore"];
      return [reached(at, learnt.below), "rejoin"];
    case "last":
      if (learnt.other || learnt.last < learnt.asked) return [{ kind: "live", upTo: learnt.last }, "reset"];
      if (learnt.last <= at.upTo) return [at, "ignore"];
      if (at.kind === "behind") return [{ ...at, seen: Math.max(at.seen, learnt.last) }, "ignore"];
      return [{ kind: "behind", upTo: at.upTo, seen: learnt.last }, "read"];
  }
}

function reached(at: Position, upTo: number): Position {
  return at.kind === "behind" && at.seen > upTo ? { ...at, upTo } : { kind: "live", upTo };
}
