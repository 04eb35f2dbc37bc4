import { readSessionEvent } from "../../src/shared/session-log/event/session-event.ts";
import type { ReadEvent } from "../../src/shared/session-log/follow/stored-event.ts";

/** What the log of one session says. */
export type SessionVerdict = {
  /** Turns that were asked for, and the end of each, in the order of the log. */
  asked: string[];
  ended: string[];
  /** Owners, and when each said that it is one, wall clock. */
  owners: { epoch: number; at: number }[];
  /** The term in which each turn began. */
  begun: Map<string, number>;
  /** What must not be, one line each. */
  violations: string[];
};

/** Reads a session's whole log as its owners wrote it (TURN-1, OWNER-1). Pure. */
export function sessionVerdict(stored: readonly ReadEvent[]): SessionVerdict {
  const verdict: SessionVerdict = { asked: [], ended: [], owners: [], begun: new Map(), violations: [] };
  const { violations } = verdict;
  let [epoch, n, running] = [0, 0, ""];
  for (const it of stored) {
    const read = readSessionEvent(it);
    if (!("event" in read)) {
      violations.push(`unreadable at ${it.seq}`);
      continue;
    }
    const { type, turn_id: turn = "", source } = read.event;
    if (type === "turn") verdict.asked.push(turn);
    if (source !== "worker") continue;
    const { epoch: own = 0, at } = read.envelope;
    if (read.event.n !== ++n) violations.push(`number ${read.event.n} instead of ${n} at ${it.seq}`);
    if (type === "owner") {
      if (own <= epoch) violations.push(`term ${own} behind ${epoch} at ${it.seq}`);
      epoch = own;
      verdict.owners.push({ epoch, at });
    }
    if (own !== epoch) violations.push(`an event of term ${own} in ${epoch} at ${it.seq}`);
    if (type === "turn_started") {
      if (running !== "") violations.push(`${turn} began while ${running} ran, at ${it.seq}`);
      if (verdict.begun.has(turn)) violations.push(`${turn} began again at ${it.seq}`);
      verdict.begun.set(turn, epoch);
      running = turn;
    }
    if (type === "tool_call" && running !== turn)
      violations.push(`an event of ${turn} outside its turn at ${it.seq}`);
    if (type !== "turn_ended") continue;
    if (verdict.ended.includes(turn)) violations.push(`${turn} ended again at ${it.seq}`);
    verdict.ended.push(turn);
    if (turn === running) running = "";
  }
  if (running !== "") violations.push(`${running} has no end`);
  return verdict;
}

/** Lines that a turn wrote into the session's folder when another owner had said already that it is the owner. Pure. */
export function lateWrites(text: string, { begun, owners }: SessionVerdict): string[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .filter((line) => {
      const [turn = "", , seconds] = line.split(" ");
      const epoch = begun.get(turn);
      const next = owners.find((owner) => epoch === undefined || owner.epoch > epoch);
      return next !== undefined && Number(seconds) * 1000 > next.at;
    });
}
