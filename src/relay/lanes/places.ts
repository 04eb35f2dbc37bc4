import { MOST_HELD } from "../../shared/log/state/checkpoint.ts";
import type { HeldPlace, HeldRecord } from "../../shared/log/state/held.ts";

/** Held sessions of a shard as its checkpoint names them. Runs for every checkpoint, so it makes no objects for the others. Pure. */
export function placesOf(
  held: Iterable<{ shard: number; record: HeldRecord }>,
  shard: number,
  most: number = MOST_HELD,
): HeldPlace[] {
  const places: HeldPlace[] = [];
  for (const state of held) {
    if (state.shard !== shard) continue;
    const { session, from, reason } = state.record;
    places.push([session, from, reason]);
    if (places.length === most) break;
  }
  return places;
}
