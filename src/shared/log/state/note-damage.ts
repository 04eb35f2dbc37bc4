import type { JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { MOST_SESSIONS, recordDamage, type Damage } from "./damage.ts";
import type { LogCheck } from "./log-check.ts";
import { decodeMark, encodeMark, MOST_HOLES, type LogMark } from "./log-mark.ts";
import type { HeldPlace } from "./held.ts";
import { claimed, claimsOf, restorePointers } from "./lost-pointers.ts";
import { shardOf } from "../schema/partition.ts";
import { atMost, countOf, type Range } from "./ranges.ts";
import { readState, writeState } from "./state-store.ts";
import { sessionFilter } from "../schema/subjects.ts";
import { EVENTS_STREAM, stateKey } from "../schema/topology.ts";
import { walk } from "../follow/walk.ts";

type Deps = { nc: NatsConnection; jsm: JetStreamManager; wall: () => number };

/** Most ranges that a record names. */
const MOST_RANGES = 100;

/**
 * Records what went missing within the log, at its beginning, and among the dead letters. Nothing that is remembered by number has to change for that, so both
 * relays and `provision` may do it. The mark is written last, with the losses in it, so that a run that was cut short is repeated. `seenHeld`: what a relay
 * held when it lost its connection. Returns new damage only.
 */
export async function noteDamage(
  deps: Deps,
  check: LogCheck,
  seenHeld: readonly HeldPlace[] = [],
): Promise<Damage[]> {
  const { holes, log, dead, deadLost, mark, checkpoints } = check;
  const found: Damage[] = [];
  const [first] = holes;
  const last = holes.at(-1);
  if (first !== undefined && last !== undefined)
    found.push({
      ...(await lossOf(deps, check, holes)),
      id: `${Date.parse(log.created)}-holes-${first[0]}-${last[1]}-${countOf(holes)}`,
      code: "log_holes",
    });
  if (deadLost > 0)
    found.push({
      v: 1,
      id: `${Date.parse(dead.created)}-letters-${dead.state.last_seq}-${dead.state.messages}`,
      code: "dead_letters_gone",
      at: deps.wall(),
      missing: deadLost,
      ranges: [],
      settled: deadLost,
      sessions: [],
    });
  const pointers = await restorePointers(deps, [...claimsOf(check), ...claimed(seenHeld)]);
  if (pointers.length > 0) {
    const note = `pointers of held sessions, written again: ${pointers.slice(0, MOST_SESSIONS).join(", ")}`;
    found.push(stateDamage("pointers", pointers.length, note, log.created, deps.wall()));
  }
  const remembered = checkpoints.some((it) => it?.checkpoint.stream === log.created && it.checkpoint.top);
  if (mark === undefined && remembered) {
    const note = "the mark of the log; what the log lost before this moment may not be seen";
    found.push(stateDamage("mark", 1, note, log.created, deps.wall()));
  }
  if (found.length === 0) return found;
  for (const damage of found) await recordDamage(deps.nc, damage);
  if (mark !== undefined) {
    const value = encodeMark({ ...mark.mark, ...shapeOf(check) });
    await writeState(deps.nc, stateKey.mark, value, mark.revision); // if that fails, another process has noted it
  }
  return found;
}

function stateDamage(what: string, missing: number, note: string, created: string, at: number): Damage {
  const id = `${Date.parse(created)}-${what}-${at}`;
  return { v: 1, id, code: "state_damaged", at, missing, ranges: [], settled: 0, sessions: [], note };
}

/** Records events that are there and cannot be read (scrub.ts), in the mark too. */
export async function noteUnreadable(deps: Deps, check: LogCheck, ranges: Range[]): Promise<Damage> {
  const { nc, jsm } = deps;
  const damage: Damage = {
    ...(await lossOf(deps, check, ranges)),
    id: `${Date.parse(check.log.created)}-unreadable-${ranges[0]?.[0]}-${countOf(ranges)}`,
    code: "log_holes",
    note: "the broker has them but cannot read them",
  };
  await recordDamage(nc, damage);
  for (let attempt = 1; attempt <= 5; attempt++) {
    const stored = await readState(jsm, stateKey.mark);
    if (stored === undefined) break;
    const mark = decodeMark(stored.value);
    const all = [...(mark.unreadable ?? []), ...ranges].sort(([a], [b]) => a - b);
    const value = encodeMark({ ...mark, unreadable: atMost(all, MOST_HOLES) });
    if (await writeState(nc, stateKey.mark, value, stored.revision)) break; // otherwise a relay wrote it meanwhile
  }
  return damage;
}

/** The part of a mark that describes the log and the dead letters. Pure. */
export function shapeOf({
  log,
  dead,
  missing,
  removed,
}: {
  log: Pick<StreamInfo, "state">;
  dead: StreamInfo;
  missing: readonly Range[];
  removed: number;
}): Pick<LogMark, "first" | "holes" | "dead"> {
  return {
    first: log.state.first_seq,
    holes: atMost(missing, MOST_HOLES),
    dead: { created: dead.created, seq: dead.state.last_seq, messages: dead.state.messages, removed },
  };
}

/** What is known about events that are gone. */
export async function lossOf(
  deps: Pick<Deps, "jsm" | "wall">,
  check: LogCheck,
  ranges: Range[],
): Promise<Pick<Damage, "v" | "at" | "missing" | "ranges" | "settled" | "sessions">> {
  const { log, checkpoints } = check;
  const own = checkpoints.filter((it) => it?.checkpoint.stream === log.created);
  return {
    v: 1,
    at: deps.wall(),
    missing: countOf(ranges),
    ranges: ranges.slice(0, MOST_RANGES),
    settled: own.reduce((sum, it) => sum + (it?.settled.countIn(ranges) ?? 0), 0),
    sessions: await lostWaiting(deps.jsm, check),
  };
}

/** Sessions that had more waiting events, as a relay last reported, than they have now: the difference is among the missing events. */
async function lostWaiting(jsm: JetStreamManager, check: LogCheck): Promise<Damage["sessions"]> {
  const { mark } = check;
  const lost: Damage["sessions"] = [];
  for (const [session, waited] of mark?.mark.waiting ?? []) {
    const left = await stillWaiting(jsm, check, session, waited);
    if (left < waited) lost.push([session, waited - left]);
  }
  return lost.sort(([, a], [, b]) => b - a).slice(0, MOST_SESSIONS);
}

/** How many events of a session still wait, counting only those from before the mark was written: later ones do not make up for what is gone. */
async function stillWaiting(
  jsm: JetStreamManager,
  check: LogCheck,
  session: string,
  most: number,
): Promise<number> {
  const { end, log, mark, checkpoints } = check;
  if (mark === undefined || mark.mark.created !== log.created) return 0;
  const settled = checkpoints[shardOf(session, checkpoints.length)]?.settled;
  const last = Math.min(mark.mark.seq, end.kind === "whole" ? Infinity : end.kept);
  let left = 0;
  const filter = sessionFilter(session, checkpoints.length);
  for await (const { seq } of walk(jsm, EVENTS_STREAM, filter, (settled?.floor ?? 0) + 1)) {
    if (seq > last) break;
    if (settled?.has(seq) !== true && ++left === most) break;
  }
  return left;
}
