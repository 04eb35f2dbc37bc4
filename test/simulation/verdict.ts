import { shardOf } from "../support/eight-shards.ts";
import {
  consumerName,
  DEAD_STREAM,
  EVENTS_STREAM,
  STATE_BUCKET,
  STATE_STREAM,
} from "../../src/shared/log/schema/topology.ts";
import { parseEventSubject } from "../../src/shared/log/schema/subjects.ts";
import { decodeHeld, type HeldRecord } from "../../src/shared/log/state/held.ts";
import type { World } from "./world.ts";

/** What a history shows; every list is empty if nothing is wrong. */
export type Verdict = {
  acknowledged: number;
  delivered: number;
  dead: number;
  repeats: number;
  problems: string[];
};

/** Sequence in the log of each event, by its id. An id that is there twice is a problem. */
function placesOf(world: World, problems: string[]): Map<string, number> {
  const places = new Map<string, number>();
  for (const { seq, head } of world.broker.streams.get(EVENTS_STREAM)?.messages.values() ?? []) {
    const id = /^Nats-Msg-Id: ([^\r]*)/m.exec(head ?? "")?.[1] ?? "";
    if (places.has(id)) problems.push(`ONCE-1: ${id} lies in the log twice`);
    places.set(id, seq);
  }
  return places;
}

function isOwned({ broker }: World, session: string): boolean {
  return (broker.consumers.get(EVENTS_STREAM)?.get(consumerName(shardOf(session)))?.pin ?? "") !== "";
}

/**
 * Sessions whose pointers into the log should be gone: those of a shard that a relay has, and those with events that wait. A pointer behind the last event of
 * a shard that no relay has goes with the shard's next event.
 */
export function heldIn(world: World): string[] {
  const prefix = `$KV.${STATE_BUCKET}.held.`;
  const records = new Map<string, HeldRecord>();
  for (const { subject, head, data } of world.broker.streams.get(STATE_STREAM)?.messages.values() ?? []) {
    if (!subject.startsWith(prefix)) continue;
    if (/^KV-Operation: /m.test(head ?? "")) records.delete(subject);
    else records.set(subject, decodeHeld(data));
  }
  const newest = new Map<string, number>();
  for (const { seq, subject } of world.broker.streams.get(EVENTS_STREAM)?.messages.values() ?? [])
    newest.set(parseEventSubject(subject)?.session ?? "", seq);
  return [...records.values()]
    .filter(({ session, from }) => from <= (newest.get(session) ?? 0) || isOwned(world, session))
    .map(({ session }) => session);
}

/** Within an epoch a session's numbers in the log are 1, 2, 3 … */
function checkNumbers(world: World, problems: string[]): void {
  const last = new Map<string, number>();
  for (const { head } of world.broker.streams.get(EVENTS_STREAM)?.messages.values() ?? []) {
    const session = /^Rr-Session: ([^\r]*)/m.exec(head ?? "")?.[1] ?? "";
    const [, epoch = "", n = ""] = /^Rr-Seq: (.*)-(\d+)\r/m.exec(head ?? "") ?? [];
    const key = `${session} ${epoch}`;
    const expected = (last.get(key) ?? 0) + 1;
    if (Number(n) !== expected) problems.push(`${key}: number ${n} comes where ${expected} is due`);
    last.set(key, Number(n));
  }
}

/** acknowledged ⊆ delivered ∪ dead letters; no first arrival behind a later one of its session; repeats under their own key. */
export function judge(world: World): Verdict {
  const problems: string[] = [];
  const { coordinator, sent, broker } = world;
  const places = placesOf(world, problems);
  const applied = new Set<string>();
  const seen = new Set<string>();
  const highest = new Map<string, number>();
  let repeats = 0;
  for (const { session, n, key, applied: done } of coordinator.arrivals) {
    const id = `ev${n}`;
    if (key !== id) problems.push(`ONCE-1: ${session}:${n} came under the key ${key}`);
    const place = places.get(id);
    if (place === undefined) problems.push(`DURABLE-1: ${session}:${n} came and is not in the log`);
    else if (seen.has(id)) repeats++;
    else {
      if (place < (highest.get(session) ?? 0))
        problems.push(`ORDER-1: ${session}:${n} came after a later one`);
      highest.set(session, Math.max(place, highest.get(session) ?? 0));
      seen.add(id);
    }
    if (done) applied.add(id);
  }
  const dead = new Set(
    [...(broker.streams.get(DEAD_STREAM)?.messages.values() ?? [])].map(
      ({ subject }) => subject.split(".")[2] ?? "",
    ),
  );
  const last = new Map<string, { place: number; n: number }>();
  let acknowledged = 0;
  for (const { session, n, id, keyed, outcome } of sent) {
    const place = places.get(id);
    if (outcome?.kind === "stored") {
      acknowledged++;
      if (place === undefined)
        problems.push(`DURABLE-1: ${session}:${n} was acknowledged and is not in the log`);
      else if (place !== outcome.streamSeq)
        problems.push(`DURABLE-1: ${session}:${n} lies at ${place}, not at ${outcome.streamSeq}`);
      if (world.options.relays !== false && !applied.has(id) && !dead.has(id))
        problems.push(`SETTLE-1: ${session}:${n} was acknowledged and is lost`);
    }
    if (outcome?.kind === "failed" && outcome.code === "log_refused" && place !== undefined)
      problems.push(`${session}:${n} was refused for good and is in the log`);
    if (keyed || place === undefined) continue;
    const before = last.get(session);
    if (before !== undefined && before.place > place)
      problems.push(`ORDER-1: ${session}:${n} lies before ${before.n} in the log`);
    last.set(session, { place, n });
  }
  for (const token of heldIn(world)) problems.push(`${token} is still held, though all is well`);
  checkNumbers(world, problems);
  for (const it of world.unfenced) problems.push(`ORDER-1: ${it}`);
  for (const it of sent)
    if (it.outcome === undefined && it.gateway?.process.alive === true)
      problems.push(`${it.session}:${it.n} was never answered`);
  const gaps = world.lines.codes.get("sequence_gap") ?? 0;
  if (gaps > 0) problems.push(`${gaps} false alarms of a gap`);
  // a start that finds the broker away is tried again by the supervisor
  for (const { code, text } of world.ends)
    if (code !== "log_unreachable") problems.push(`a relay ended: ${code}: ${text}`);
  return { acknowledged, delivered: applied.size, dead: dead.size, repeats, problems };
}
