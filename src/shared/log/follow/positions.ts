import type { JetStreamManager } from "@nats-io/jetstream";
import { EVENTS_STREAM } from "../schema/topology.ts";
import { walk } from "./walk.ts";

/** Finds positions in the log and counts events, for callers that read backwards. */

/** How many events of a filter have this sequence or a higher one. The first of them tells how many follow. */
export async function countFrom(
  jsm: JetStreamManager,
  filter: string,
  from: number,
  stream: string = EVENTS_STREAM,
): Promise<number> {
  for await (const { pending } of walk(jsm, stream, filter, from, 1)) return pending + 1;
  return 0;
}

/**
 * The sequence from which a filter has `last` events, or a few more if the log grows meanwhile. A binary search: 20 direct gets for a
 * million events.
 */
export async function lastFrom(
  jsm: JetStreamManager,
  filter: string,
  last: number,
  stream: string = EVENTS_STREAM,
): Promise<number> {
  const { first_seq: first, last_seq: end } = (await jsm.streams.info(stream)).state;
  let [low, high] = [first, end + 1]; // from `low` there are enough events, or it is the first; from `high` there are too few
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if ((await countFrom(jsm, filter, middle, stream)) >= last) low = middle;
    else high = middle;
  }
  return low;
}

/** The sequence of the first event stored at a time (milliseconds since 1970) or later; after the end of the log if there is none. */
export async function sinceFrom(
  jsm: JetStreamManager,
  time: number,
  stream: string = EVENTS_STREAM,
): Promise<number> {
  const found = await jsm.direct.getMessage(stream, { start_time: new Date(time) });
  return found?.seq ?? (await jsm.streams.info(stream)).state.last_seq + 1;
}
