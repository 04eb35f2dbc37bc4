import { ownerFilter, outSubject } from "../subjects.ts";
import { put, type Put, type PutDeps } from "./put.ts";

// put.ts stores one message, answer.ts reads the broker's words and decides what became of it · coalescer.ts makes few appends of many deltas (coalesce.ts)
// One writer per session that its process owns. It has one append in flight, because each names the one before it: that is what keeps a second owner out
// (and what orders the events), so that nothing is won by sending the next one earlier.

export type OwnerEvent = {
  /** Unique in the session. */
  id: string;
  kind: string;
  data: Uint8Array;
};

export type OwnerWriter = {
  /** Resolves when the broker has the event on disk, or never will: `overtaken` if another process owns the session by now. Events are stored in the order of the calls. */
  append(event: OwnerEvent): Promise<Put>;
  /** Sequence of the owner's newest event. */
  last(): number;
};

/** What must be told even if there is no room, so that nobody waits for ever, and so that what lies before a turn can be removed once that has ended. */
const URGENT: ReadonlySet<string> = new Set(["owner", "turn_started", "turn_ended", "permission_resolved"]);

/** Writes what the owner of `session` says, behind its event `last` (0: none). */
export function createOwnerWriter(deps: PutDeps & { session: string; last: number }): OwnerWriter {
  const { session } = deps;
  let { last } = deps;
  let lost: Put | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  async function append({ id, kind, data }: OwnerEvent): Promise<Put> {
    if (lost !== undefined) return lost;
    const became = await put(deps, {
      subject: outSubject(session, kind),
      filter: ownerFilter(session),
      last,
      messageId: `${session}.${id}`, // ids are per stream at the broker
      data,
      urgent: URGENT.has(kind),
    });
    if (became.kind === "stored") last = became.seq;
    if (became.kind === "overtaken") lost = became;
    return became;
  }

  return {
    append(event) {
      const appended = turn.then(() => append(event));
      turn = appended.catch(() => undefined);
      return appended;
    },
    last: () => last,
  };
}
