import { createBoundedMap } from "../../base/bounded-map.ts";
import { sessionIn } from "../subjects.ts";
import type { StoredEvent } from "./stored-event.ts";

/** Sessions whose newest event is remembered, at some 200 bytes each. One that is forgotten was not written since as many others were. */
const REMEMBERED = 8192;

/** The newest event of each session that a process knows to be stored, from whatever server it heard that. */
export type Heard = {
  note(event: StoredEvent): void;
  /** The sequence of a session's newest; 0 if none is known. */
  of(session: string): number;
  forget(): void;
};

export function createHeard(): Heard {
  let newest = createBoundedMap<number>(REMEMBERED);
  const of = (session: string): number => newest.get(session) ?? 0;
  return {
    note({ seq, subject }) {
      const session = sessionIn(subject);
      newest.set(session, Math.max(seq, of(session)));
    },
    of,
    forget: () => void (newest = createBoundedMap(REMEMBERED)),
  };
}
