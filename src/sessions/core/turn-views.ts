import type { ReadEvent } from "../../shared/session-log/follow/stored-event.ts";
import { namedFilter, outSubject } from "../../shared/session-log/subjects.ts";
import { factOf, type Outcome } from "../../shared/session-log/turns/fact.ts";
import type { Within } from "./deps.ts";
import { eventsOf } from "./read.ts";

/** A turn as clients see it. */
export type TurnView = {
  turn: string;
  /** Its place in the log. */
  seq: number;
  status: "queued" | "running" | Outcome;
  /** Somebody asked that it ends. */
  cancelled: boolean;
  /** Milliseconds since 1970, as the broker stored them. */
  asked: number;
  started?: number;
  ended?: number;
};

/** Turns of a session behind the place `after`, in their order. */
export async function readTurns(
  deps: Within,
  session: { name: string },
  { after, limit }: { after: number; limit: number },
): Promise<TurnView[]> {
  const views = new Map<string, TurnView>();
  for await (const event of eventsOf(deps, namedFilter(session.name, "turn"), after)) {
    const fact = factOf(event);
    if (fact.type !== "turn" || views.has(fact.turn)) continue;
    const { seq, at } = event;
    views.set(fact.turn, { turn: fact.turn, seq, status: "queued", cancelled: false, asked: at });
    if (views.size === limit) break;
  }
  await complete(deps, session, views);
  return [...views.values()];
}

/** The turn at the place `seq`. Undefined if it was deleted meanwhile. */
export async function turnView(
  deps: Within,
  session: { name: string },
  seq: number,
): Promise<TurnView | undefined> {
  return (await readTurns(deps, session, { after: seq - 1, limit: 1 }))[0];
}

/** Reads what became of turns. Ends come first: when all have ended, nothing behind the last end is about them. */
async function complete(
  deps: Within,
  { name }: { name: string },
  views: ReadonlyMap<string, TurnView>,
): Promise<void> {
  const first = Math.min(...[...views.values()].map(({ seq }) => seq));
  let open = views.size;
  let upTo = open === 0 ? 0 : Infinity;
  if (open > 0)
    for await (const event of eventsOf(deps, outSubject(name, "turn_ended"), first)) {
      if (note(views, event)) open--;
      if (open > 0) continue;
      upTo = event.seq;
      break;
    }
  for (const filter of [outSubject(name, "turn_started"), namedFilter(name, "cancel")]) {
    if (upTo === 0) return;
    for await (const event of eventsOf(deps, filter, first)) {
      if (event.seq > upTo) break;
      note(views, event);
    }
  }
}

/** Notes what an event says of a turn. True if it is its end. */
function note(views: ReadonlyMap<string, TurnView>, event: ReadEvent): boolean {
  const fact = factOf(event);
  const view = "turn" in fact ? views.get(fact.turn) : undefined;
  if (view === undefined) return false;
  if (fact.type === "cancel") view.cancelled = true;
  if (fact.type === "started") {
    view.started = event.at;
    if (view.ended === undefined) view.status = "running";
  }
  if (fact.type !== "ended" || view.ended !== undefined) return false;
  view.status = fact.outcome;
  view.ended = event.at;
  return true;
}
