import { JetStreamApiError, type JetStreamManager, type StreamInfo } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { codedError } from "../../base/errors.ts";
import { parseJsonWithin } from "../../base/json-scan.ts";
import { violationOf } from "../../base/violation.ts";
import { DEAD_STREAM, stateKey } from "../schema/topology.ts";
import { readRevision, readState, writeState, type Stored } from "./state-store.ts";

// log-check.ts compares the counter with the mark · drop.ts and redrive.ts remove letters

/** How many dead letters were removed since their stream was made. Without it, a letter that an operator removed would look like a lost one. */
export type Removals = {
  removed: number;
  /** Announced beyond that: they are being removed now. */
  open: number;
};

type Deps = { nc: NatsConnection; jsm: JetStreamManager };

/** Removes one dead letter by its own sequence in the stream of dead letters. False if it is gone already. */
export type Remove = (seq: number) => Promise<boolean>;

/** Letters that one write of the counter announces, so that ten thousand do not cost as many synced writes. */
export const MOST_AT_ONCE = 100;
/** A removal that was announced that long ago is done, or its process was killed. */
const DONE_AFTER_MS = 5 * 60 * 1000;
const NONE: Removals = { removed: 0, open: 0 };

/** The server's code when a message to be deleted is gone already. Other failures of a deletion have the same code. */
const DELETE_FAILED = 10057;
const GONE = /no message found|deleted message/;

/**
 * The only way to remove dead letters, at most `most` of them. They are announced before, and counted afterwards, so that a look in between neither takes
 * them for lost nor hides a loss for longer than {@link DONE_AFTER_MS}.
 */
export async function removing<T>(
  deps: Deps,
  most: number,
  work: (remove: Remove) => Promise<T>,
): Promise<T> {
  const counts = await announce(deps, most);
  let removed = 0;
  const remove: Remove = async (seq) => {
    try {
      const there = await deleteLetter(deps.jsm, seq);
      if (there) removed++;
      return there;
    } catch (error) {
      removed++; // perhaps; a loss that is not named is better than an alarm for what an operator did
      throw error;
    }
  };
  try {
    return await work(remove);
  } finally {
    const done = (now: Removals): Removals => ({
      removed: now.removed + removed,
      open: Math.max(0, now.open - most),
    });
    // the letters are gone: what fails here must not say that they are not; it is made up for after DONE_AFTER_MS
    if (counts) await change(deps, done).catch(() => undefined);
  }
}

/** False if this login may not count, as with an older users.conf: then the letters are removed all the same, and doctor names the right. */
async function announce(deps: Deps, most: number): Promise<boolean> {
  try {
    await change(deps, ({ removed, open }) => ({ removed, open: open + most }));
    return true;
  } catch (error) {
    if (violationOf(error) === undefined) throw error;
    return false;
  }
}

async function change({ nc, jsm }: Deps, next: (now: Removals) => Removals): Promise<void> {
  for (;;) {
    const [stored, dead] = await Promise.all([
      readState(jsm, stateKey.removed),
      jsm.streams.info(DEAD_STREAM),
    ]);
    const { created } = dead;
    const value = new TextEncoder().encode(
      JSON.stringify({ v: 1, created, ...next(removalsOf(stored, dead)) }),
    );
    const revision = stored?.revision ?? (await readRevision(jsm, stateKey.removed));
    if (await writeState(nc, stateKey.removed, value, revision)) return; // otherwise somebody else removes letters, too
  }
}

async function deleteLetter(jsm: JetStreamManager, seq: number): Promise<boolean> {
  try {
    return await jsm.streams.deleteMessage(DEAD_STREAM, seq, false);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === DELETE_FAILED && GONE.test(error.message))
      return false;
    throw error;
  }
}

const COUNTER = { bytes: 1024, depth: 2, values: 10 };

/** What the counter says of this stream of dead letters; nothing if it is missing or another stream's. Throws `schema_newer`. Pure. */
export function removalsOf(stored: Pick<Stored, "value" | "at"> | undefined, dead: StreamInfo): Removals {
  if (stored === undefined) return NONE;
  const it = parseJsonWithin(stored.value, COUNTER) as { v?: unknown; created?: unknown } & Partial<Removals>;
  if (typeof it.v === "number" && it.v > 1)
    throw codedError("schema_newer", `the counter of removed dead letters has version ${it.v}, newer than 1`);
  const { removed = 0, open = 0 } = it;
  if (it.created !== dead.created || ![removed, open].every(Number.isSafeInteger)) return NONE;
  return nowOf(dead) - stored.at > DONE_AFTER_MS ? { removed: removed + open, open: 0 } : { removed, open };
}

/** The broker's own clock when it told this, milliseconds since 1970: `at` is its time, too. */
function nowOf(info: StreamInfo): number {
  return "ts" in info && typeof info.ts === "string" ? Date.parse(info.ts) : NaN;
}

/** Every letter that is gone by somebody's intent is among these. Pure. */
export function announced({ removed, open }: Removals): number {
  return removed + open;
}
