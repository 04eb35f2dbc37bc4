import { shardOf } from "../../../support/eight-shards.ts";
import type { ControlRecord } from "../../../../src/shared/log/state/control.ts";
import { decodeHeld } from "../../../../src/shared/log/state/held.ts";
import { stateKey } from "../../../../src/shared/log/schema/topology.ts";
import { live, type Life, type Past } from "./held-life.ts";
import type { HeldWorldOptions, Lasting } from "./lasting.ts";

// lasting.ts is what outlives a relay · held-life.ts one relay's time · state-bucket.ts how it reaches the bucket

/** Sessions of one shard, so that one consumer delivers them all. */
export const SESSIONS: string[] = Array.from({ length: 200 }, (_, i) => `s${i}`)
  .filter((session) => shardOf(session) === 0)
  .slice(0, 3);

/** Relays, one after the other, and what outlives them. */
export type HeldWorld = Lasting & {
  life: Life;
  /** Somebody writes a key, or deletes it. */
  store(key: string, value: Uint8Array | undefined): void;
  append(session: string): void;
  /** An operator's wish; undefined: somebody deletes it. */
  wish(session: string, wish: Pick<ControlRecord, "action" | "skip"> | undefined): void;
  /** kill -9 and a new relay. */
  crash(): Promise<void>;
};

export function createHeldWorld(options: HeldWorldOptions): HeldWorld {
  const world: HeldWorld = {
    log: [],
    bucket: new Map(),
    revisions: new Map(),
    checkpoint: { floor: 0, snapshot: new Uint8Array() },
    broker: { delayMs: 1, down: false },
    sick: new Set(),
    poison: new Set(),
    sendMs: 5,
    delivered: new Set(),
    known: new Set(),
    broken: [],
    append(session) {
      world.log.push({ seq: world.log.length + 1, session });
    },
    wish(session, wish) {
      const record = wish && { v: 1, session, text: "why", at: 0, ...wish };
      store(stateKey.control(session), record && new TextEncoder().encode(JSON.stringify(record)));
    },
    async crash() {
      if (options.savedCrashes) await world.life.save();
      world.life = live(world, options, past);
      for (const { seq } of world.log) if (!world.known.has(seq)) repeatable.add(seq);
      await world.life.takeOver();
    },
    life: undefined as unknown as Life,
    store: (key, value) => void store(key, value),
  };
  const repeatable = new Set<number>();
  let revision = 0;
  function store(key: string, value: Uint8Array | undefined): number {
    if (value === undefined) world.bucket.delete(key);
    else world.bucket.set(key, value);
    world.revisions.set(key, ++revision);
    return revision;
  }
  const past: Past = { repeatable, store, revision: () => revision };
  world.life = live(world, options, past);
  return world;
}

/** An operator lets everything go on; with `skip` without the events in front of parked and paused sessions. */
export function resumeAll(world: HeldWorld, skip = false): void {
  for (const session of SESSIONS) {
    const value = world.bucket.get(stateKey.held(session));
    const record = value && decodeHeld(value);
    const held = record !== undefined && record.reason !== "backlog";
    if (!held && !world.bucket.has(stateKey.control(session))) continue;
    const head = held ? world.log.find((it) => it.session === session && it.seq >= record.from) : undefined;
    world.wish(session, { action: "resume", ...(skip && head !== undefined ? { skip: head.seq } : {}) });
  }
}
