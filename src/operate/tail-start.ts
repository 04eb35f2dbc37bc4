import type { JetStreamManager } from "@nats-io/jetstream";
import { HEADER } from "../shared/base/headers.ts";
import { walk } from "../shared/log/follow/walk.ts";
import { parseEventSubject } from "../shared/log/schema/subjects.ts";
import { EVENTS_STREAM } from "../shared/log/schema/topology.ts";
import { lastFrom, sinceFrom } from "../shared/log/follow/positions.ts";
import { readSettlement } from "../shared/log/state/settlement.ts";
import { becameOf, type VerdictName } from "../shared/log/state/verdicts.ts";

export type TailStart =
  | { from: "last"; count: number }
  | { from: "time"; at: number }
  | { from: "sequence"; seq: number };

/** Each step back through the log reads this many times as many events as the one before. */
const WIDER = 4;
/** Events of the first step. */
const FIRST_STEP = 256;

/** The sequence at which a tail begins. With a verdict, the last events are those that have it. `filter`: a subject filter. */
export async function startOf(
  jsm: JetStreamManager,
  { start, filter, verdict }: { start: TailStart; filter: string; verdict?: VerdictName | undefined },
): Promise<number> {
  switch (start.from) {
    case "last":
      return verdict === undefined
        ? lastFrom(jsm, filter, start.count)
        : lastWith(jsm, filter, { verdict, count: start.count });
    case "time":
      return sinceFrom(jsm, start.at);
    case "sequence":
      return start.seq;
  }
}

/** The sequence from which `count` events of a filter have a verdict, found backwards in growing steps; the log's first one if it has fewer. */
async function lastWith(
  jsm: JetStreamManager,
  filter: string,
  { verdict, count }: { verdict: VerdictName; count: number },
): Promise<number> {
  const { first_seq: first, last_seq: last } = (await jsm.streams.info(EVENTS_STREAM)).state;
  const settled = await readSettlement(jsm);
  let found: number[] = [];
  let end = last + 1;
  for (let step = Math.max(FIRST_STEP, count); end > first; step *= WIDER) {
    const from = await lastFrom(jsm, filter, step);
    const here: number[] = [];
    for await (const { seq, subject, header } of walk(jsm, EVENTS_STREAM, filter, from)) {
      if (seq >= end) break;
      const session = parseEventSubject(subject)?.session;
      if (session === undefined) continue;
      const became = await becameOf(jsm, settled, { id: header.get(HEADER.id), session, seq });
      if (became.verdict === verdict) here.push(seq);
    }
    found = [...here, ...found];
    const start = found.at(-count);
    if (start !== undefined) return start;
    if (from <= first) return first;
    end = from;
  }
  return first;
}
