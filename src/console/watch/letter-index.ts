import type { JetStreamManager, StreamState } from "@nats-io/jetstream";
import { letterOf } from "../../shared/log/state/dead-letters.ts";
import { EVERYTHING } from "../../shared/log/schema/subjects.ts";
import { DEAD_STREAM } from "../../shared/log/schema/topology.ts";
import { lastFrom } from "../../shared/log/follow/positions.ts";
import { walk } from "../../shared/log/follow/walk.ts";
import { withoutBody, type LetterFacts, type LetterPage } from "./letter-pages.ts";

/** Newest dead letters that are indexed: about 400 B each. */
const MOST_INDEXED = 50_000;
/** Characters of a reason that are kept. */
const MOST_REASON = 300;

/** A dead letter with the group that it belongs to. */
export type IndexedLetter = LetterFacts & { group: string };

/** Which dead letters are meant. All given conditions must hold. Times are milliseconds since 1970. */
export type LetterSelection = {
  group?: string;
  session?: string;
  since?: number;
  until?: number;
  /** Up to this sequence: those that came after somebody looked are not meant. */
  upto?: number;
};

export type LetterGroup = { group: string; count: number; sessions: number; newest: number };

/** Dead letters of one reason differ in ids and numbers only. Pure. */
export function groupOf({ status, reason }: Pick<LetterFacts, "status" | "reason">): string {
  const words = reason
    .slice(0, MOST_REASON)
    .replaceAll(/\b(?=[\w-]*\d)[\w-]{6,}\b/g, "#")
    .replaceAll(/\d+/g, "#");
  return status === undefined ? words : `${status} ${words}`;
}

/** Pure. */
export function isSelected(letter: IndexedLetter, selection: LetterSelection): boolean {
  const { group, session, since = -Infinity, until = Infinity, upto = Infinity } = selection;
  const at = Date.parse(letter.at);
  return (
    (group === undefined || letter.group === group) &&
    (session === undefined || letter.session === session) &&
    at >= since &&
    at <= until &&
    letter.seq <= upto
  );
}

/** The broker leaves the number out where nothing was deleted. */
function deletedIn(state: Partial<StreamState>): number {
  return state.num_deleted ?? 0;
}

/** The newest dead letters without their bodies, so that they can be grouped and chosen. It is read once, and then followed. */
export class LetterIndex {
  readonly #jsm: JetStreamManager;
  readonly #most: number;
  readonly #letters = new Map<number, IndexedLetter>();
  #created = "";
  /** Older letters are not indexed. */
  #from = 1;
  #next = 1;
  #deleted = 0;
  #updating: Promise<void> | undefined;

  constructor(jsm: JetStreamManager, most = MOST_INDEXED) {
    this.#jsm = jsm;
    this.#most = most;
  }

  /** Reads what is new or gone. Callers at the same time share one reading. Throws what the broker throws. */
  update(): Promise<void> {
    this.#updating ??= this.#read().finally(() => (this.#updating = undefined));
    return this.#updating;
  }

  /** Oldest first. */
  select(selection: LetterSelection): IndexedLetter[] {
    return [...this.#letters.values()].filter((it) => isSelected(it, selection));
  }

  /** One page, newest first, older than the sequence `before`. */
  page(
    selection: LetterSelection,
    { before = Infinity, size }: { before?: number; size: number },
  ): LetterPage {
    const all = this.select(selection).toReversed();
    const start = all.findIndex(({ seq }) => seq < before);
    const letters = start === -1 ? [] : all.slice(start, start + size);
    const oldest = letters.at(-1);
    const isLast = start === -1 || start + size >= all.length;
    const newer = start <= size ? null : (all[start - size - 1]?.seq ?? null);
    return {
      letters,
      total: all.length,
      ...(isLast || oldest === undefined ? {} : { older: oldest.seq }),
      ...(start > 0 || (start === -1 && all.length > 0) ? { newer } : {}),
    };
  }

  /** Largest first. */
  groups(selection: LetterSelection): LetterGroup[] {
    const groups = Map.groupBy(this.select(selection), ({ group }) => group);
    return [...groups]
      .map(([group, letters]) => ({
        group,
        count: letters.length,
        sessions: new Set(letters.map(({ session }) => session)).size,
        newest: Date.parse(letters.at(-1)?.at ?? ""),
      }))
      .sort((a, b) => b.count - a.count || b.newest - a.newest);
  }

  /** When half of the index is free, older letters take the place of those that were redriven or dropped. */
  async #read(): Promise<void> {
    const first = await this.#follow();
    if (this.#from <= first || this.#letters.size > this.#most / 2) return;
    this.#created = "";
    await this.#follow();
  }

  /** Reads on from where it was. Returns the sequence of the oldest letter of all. */
  async #follow(): Promise<number> {
    const { created, state } = await this.#jsm.streams.info(DEAD_STREAM);
    const { first_seq: first, last_seq: last } = state;
    const deleted = deletedIn(state);
    if (created !== this.#created || last < this.#next - 1) {
      this.#letters.clear();
      this.#from = await lastFrom(this.#jsm, EVERYTHING, this.#most, DEAD_STREAM);
      [this.#created, this.#next, this.#deleted] = [created, this.#from, 0];
    }
    const from = Math.max(this.#next, first);
    if (from <= last)
      for await (const message of walk(this.#jsm, DEAD_STREAM, EVERYTHING, from)) {
        const letter = letterOf(message);
        if (letter !== undefined) this.#add(withoutBody(letter));
        this.#next = message.seq + 1;
      }
    this.#next = Math.max(this.#next, last + 1);
    await this.#forget(first, deleted);
    return first;
  }

  #add(letter: LetterFacts): void {
    const reason = letter.reason.slice(0, MOST_REASON);
    this.#letters.set(letter.seq, { ...letter, reason, group: groupOf(letter) });
    const [oldest] = this.#letters.keys();
    if (this.#letters.size <= this.#most || oldest === undefined) return;
    this.#letters.delete(oldest);
    this.#from = oldest + 1;
  }

  /** What was redriven or dropped. The broker lists what was deleted only if it is asked to. */
  async #forget(first: number, deleted: number): Promise<void> {
    for (const seq of this.#letters.keys()) {
      if (seq >= first) break;
      this.#letters.delete(seq);
    }
    if (deleted === this.#deleted) return;
    const { state } = await this.#jsm.streams.info(DEAD_STREAM, { deleted_details: true });
    for (const seq of state.deleted ?? []) this.#letters.delete(seq);
    this.#deleted = deletedIn(state);
  }
}
