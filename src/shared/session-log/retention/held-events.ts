import type { ReadEvent } from "../follow/stored-event.ts";
import { readSessionEvent } from "../event/session-event.ts";
import { parseSessionSubject } from "../subjects.ts";
import type { HeldEvent } from "./holding.ts";

/** Envelopes are read only of what begins and ends turns. */
const TURNS: ReadonlySet<string> = new Set(["out.turn_started", "out.turn_ended"]);

/** The events of a page as retention sees them, by session. What is no event of a session belongs to none, and stays. Pure. */
export function heldEvents(page: readonly ReadEvent[]): Map<string, HeldEvent[]> {
  const bySession = new Map<string, HeldEvent[]>();
  for (const event of page) {
    const address = parseSessionSubject(event.subject);
    if (address === undefined) continue;
    const kind = `${address.side}.${address.kind}`;
    const read = TURNS.has(kind) ? readSessionEvent(event) : undefined;
    const turn = read !== undefined && "event" in read ? read.event.turn_id : undefined;
    const { seq, data, at } = event;
    const held = {
      seq,
      kind,
      bytes: data.length + event.subject.length,
      at,
      ...(turn === undefined ? {} : { turn }),
    };
    const events = bySession.get(address.session);
    if (events === undefined) bySession.set(address.session, [held]);
    else events.push(held);
  }
  return bySession;
}
