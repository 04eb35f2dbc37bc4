import { createBoundedMap } from "../../../shared/base/bounded-map.ts";
import { isOwnForm } from "./own-id.ts";

/** What is named by an id that others chose. */
export type Named = "text" | "reasoning" | "call" | "result" | "activity" | "user";

/** Gives the ids of others one meaning each. All messages of a thread share one space of ids, and a client adds what comes under a known id to what that is. */
export type Names = {
  /** The id under which a thing goes: the same for the same thing. `role`: of a text that is not known yet. */
  of(what: Named, id: string, seq: number, role?: string): string;
  /** A new one for a thing that comes once. */
  fresh(id: string, seq: number, what?: Named): string;
  /** The id of the assistant's message that a call belongs to; undefined if that is somebody else's. */
  assistant(id: string, seq: number): string | undefined;
  knows(what: Named, id: string): boolean;
};

/** Ids that are remembered, at some 200 bytes each. What was named before those is taken for a new thing. */
const REMEMBERED = 20_000;

export function createNames(): Names {
  const known = createBoundedMap<{ id: string; role: string }>(REMEMBERED);
  const taken = createBoundedMap<true>(REMEMBERED);

  function give(key: string, id: string, seq: number, role: string): string {
    let given = isOwnForm(id) ? `x_${id}` : id;
    while (taken.get(given) === true) given += `.${seq}`;
    taken.set(given, true);
    known.set(key, { id: given, role });
    return given;
  }

  const of = (what: Named, id: string, seq: number, role = "assistant"): string =>
    known.get(`${what} ${id}`)?.id ?? give(`${what} ${id}`, id, seq, role);

  return {
    of,
    fresh: (id, seq, what = "result") => give(`${what} ${id}`, id, seq, ""),
    assistant(id, seq) {
      const given = of("text", id, seq);
      return known.get(`text ${id}`)?.role === "assistant" ? given : undefined;
    },
    knows: (what, id) => known.get(`${what} ${id}`) !== undefined,
  };
}
