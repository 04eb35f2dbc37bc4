import type { Holdings, StateField } from "../../shared/messages/holdings.ts";

type Held = Holdings & { kind: "held" };

/** An event that was delivered according to the log. */
export type DeliveredEvent = { seq: number; id: string; digest: string; timestamp: string };

/** A bind or metadata write that was delivered, with the fields that it wrote. */
export type DeliveredState = {
  seq: number;
  id: string;
  kind: "bind" | "metadata";
  fields: Partial<Record<StateField, string>>;
};

export type EventDifference = {
  missing: DeliveredEvent[];
  /** Not among the events that the coordinator returned, but it may not have returned all. */
  unknown: DeliveredEvent[];
};

/**
 * Compares by content, as multisets, because the coordinator keeps no keys and sorts by the events' own timestamps. Of events with the same content the
 * earlier ones count as held, because a restored backup lacks the newest ones. If the answer was cut, it has the first events by timestamp. Then an event
 * with an earlier timestamp than its last is certainly missing, and the others cannot be judged. `delivered` is in the order of the log. Pure.
 */
export function compareEvents(
  delivered: readonly DeliveredEvent[],
  held: Pick<Held, "events" | "last" | "cut">,
): EventDifference {
  const left = new Map<string, number>();
  for (const digest of held.events) left.set(digest, (left.get(digest) ?? 0) + 1);
  const difference: EventDifference = { missing: [], unknown: [] };
  for (const event of delivered) {
    const count = left.get(event.digest) ?? 0;
    if (count > 0) left.set(event.digest, count - 1);
    else if (held.cut && !(held.last !== undefined && event.timestamp < held.last))
      difference.unknown.push(event);
    else difference.missing.push(event);
  }
  return difference;
}

const TERMINAL: ReadonlySet<string> = new Set(["finished", "completed", "failed", "stopped"]);

export type StateDifference = {
  /** Writes whose value is missing, or was replaced by an older one, in the order of the log. */
  missing: DeliveredState[];
  /** The same, but they are not sent, because the session is finished and a bind would open it again. */
  finished: DeliveredState[];
  /** Fields with a value that never was in the log, so someone else wrote them. */
  differs: StateField[];
};

/**
 * Compares the last values of binds and metadata with what the coordinator holds. A field counts as missing if it is empty there, or holds a value
 * that the log overwrote later. A value that the log does not know was written by someone else, and stays. `endedAt`: the sequence at which the
 * session last ended, 0 if it did not. Pure.
 */
export function compareState(
  delivered: readonly DeliveredState[],
  held: Pick<Held, "status" | "fields">,
  endedAt: number,
): StateDifference {
  const newest = new Map<StateField, { value: string; by: DeliveredState }>();
  const older = new Map<StateField, Set<string>>();
  for (const write of delivered) {
    for (const [name, value] of Object.entries(write.fields) as [StateField, string][]) {
      const before = newest.get(name);
      if (before !== undefined) older.set(name, (older.get(name) ?? new Set()).add(before.value));
      newest.set(name, { value, by: write });
    }
  }
  const writes = new Set<DeliveredState>();
  const differs: StateField[] = [];
  for (const [name, { value, by }] of newest) {
    const now = held.fields[name];
    if (now === value) continue;
    if (now === undefined || older.get(name)?.has(now)) writes.add(by);
    else differs.push(name);
  }
  const over = TERMINAL.has(held.status);
  const isFinished = ({ kind, seq }: DeliveredState): boolean => over || (kind === "bind" && seq < endedAt);
  const lacking = delivered.filter((write) => writes.has(write));
  return {
    missing: lacking.filter((write) => !isFinished(write)),
    finished: lacking.filter(isFinished),
    differs,
  };
}
