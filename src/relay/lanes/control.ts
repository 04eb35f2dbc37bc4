import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import {
  decodeControl,
  decodePause,
  type ControlRecord,
  type PauseRecord,
} from "../../shared/log/state/control.ts";
import { errorText, isCoded } from "../../shared/base/errors.ts";
import type { HeldReason, HeldRecord } from "../../shared/log/state/held.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { shardOf } from "../../shared/log/schema/partition.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import { deleteState, readState, writeState } from "../../shared/log/state/state-store.ts";
import { STATE_BUCKET, STATE_STREAM, stateKey } from "../../shared/log/schema/topology.ts";
import { walk } from "../../shared/log/follow/walk.ts";
import { stoppedBy, type Gate } from "../coordinator/gate.ts";
import { createAlarm } from "./alarm.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { HeldSessions } from "./held-sessions.ts";

/** Between two looks at what operators want. */
export const CONTROL_MS = 1000;
/** No relay carries out a wish for a shard without an owner. If nothing of the session is held, any relay deletes the wish after this time. */
const ORPHAN_MS = 3000;

type Wish = ControlRecord & {
  revision: number;
  /** Monotonic time when it was read. */
  seenAt: number;
};

/** What was read of the bucket. */
type Known = {
  /** Wishes below this sequence were read. */
  from: number;
  wishes: Map<string, Wish>;
  pause: PauseRecord | undefined;
  /** Of the pause, or of its end. */
  pauseRevision: number;
  reading?: Promise<void> | undefined;
};

export type ControlDeps = {
  nc: NatsConnection;
  jsm: JetStreamManager;
  clock: Clock;
  log: Logger;
  gate: Gate;
  dispatcher: Dispatcher;
  held: HeldSessions;
  /** Does this relay forward for the shard now? */
  owns: (shard: number) => boolean;
  /** Would this relay forward for the shard if something came for it? One of several relays would. */
  serves: (shard: number) => boolean;
  /** Runs when more wishes are in force than before. */
  changed: () => void;
};

export type RelayControl = {
  /** Reads what operators want. Nothing may be forwarded before that was done once, or again after a takeover. Throws `schema_newer`. */
  read(): Promise<void>;
  /** Reads, and carries out what is due here; to be called every {@link CONTROL_MS}. */
  tick(): Promise<void>;
  /** The connection was interrupted. What was read may be older than the deletions that the bucket remembers, so everything is read again. */
  disconnected(): void;
  /** Why an operator paused the session; undefined if nobody did. */
  paused: (token: string) => string | undefined;
  /** Is a held session to go on? */
  goesOn: (record: HeldRecord) => boolean;
  /** Wishes up to this revision are in force, as far as they concern this relay. */
  inForce(): number;
  /** Sessions that are paused here while nothing of them is held. */
  idle(): string[];
  /** How many sessions stand still, by reason. */
  counts(): Record<HeldReason, number>;
  /** The pause of everything. */
  pause(): PauseRecord | undefined;
};

/**
 * Carries out what operators want (shared/log/state/control.ts): levels, not events, so that a crash, a takeover or a repeat changes nothing. A
 * paused session's lane stands still (moves.ts), and what comes for it is held (intake.ts, held.ts). This file reads wishes and ends them.
 */
export function createRelayControl(deps: ControlDeps): RelayControl {
  const { nc, jsm, clock, log, gate, dispatcher, held } = deps;
  let known = nothingKnown();
  let building: Known | undefined;
  const alarm = createAlarm({ clock, log, gate, held });
  /** Sessions whose pause ended and whose lanes may still stand. */
  const ended = new Set<string>();
  let inForce = 0;
  /** True once the bucket has, or had, the pause that this gate is in. */
  let pauseStored = false;

  function paused(token: string): Wish | undefined {
    const wish = known.wishes.get(token);
    return wish?.action === "pause" ? wish : undefined;
  }

  /** Everything is read once for all shards that are taken over after a reconnect: 50,000 wishes take seconds. */
  function read(): Promise<void> {
    if (building === undefined) return readInto(known);
    const target = building;
    target.reading ??= readInto(target).finally(() => (target.reading = undefined));
    return target.reading;
  }

  async function readInto(target: Known): Promise<void> {
    for await (const { seq, subject, data, header } of walk(
      jsm,
      STATE_STREAM,
      subjectOf("control.*"),
      target.from,
    )) {
      if (seq < target.from) continue; // another reader was faster
      target.from = seq + 1;
      const token = subject.slice(subjectOf("control.").length);
      const record = header.has("KV-Operation") ? undefined : decodeControl(data);
      if (record === undefined && data.length > 0)
        log.error(
          { key: stateKey.control(token), code: "envelope_invalid" },
          "an operator's control record cannot be read",
        );
      note(target, token, record && { ...record, revision: seq, seenAt: clock.now() });
    }
    const message = await jsm.direct.getMessage(STATE_STREAM, { last_by_subj: subjectOf(stateKey.paused) });
    // a replica that lags behind may answer with an older one, or with none
    if (message !== null && message.seq > target.pauseRevision) {
      const { seq, data, header, time } = message;
      target.pauseRevision = seq;
      target.pause = header.has("KV-Operation") ? undefined : decodePause(data, time.getTime());
    }
    if (target === building) {
      for (const token of known.wishes.keys()) noteEnd(token, target.wishes.get(token));
      known = target;
      building = undefined;
    }
    followPause();
  }

  function note(target: Known, token: string, wish: Wish | undefined): void {
    if (target === known) noteEnd(token, wish);
    if (wish === undefined) target.wishes.delete(token);
    else target.wishes.set(token, wish);
  }

  function noteEnd(token: string, next: Wish | undefined): void {
    if (paused(token) !== undefined && next?.action !== "pause") ended.add(token);
  }

  /** Pauses or resumes the gate as the bucket says. A stop by a poison event that is not in the bucket yet is left alone. */
  function followPause(): void {
    const { pause } = known;
    const now = stoppedBy(gate.state());
    if (pause !== undefined) {
      pauseStored = true;
      const reason = pause.reason ?? "paused_by_operator";
      if (now !== reason) gate.pause(reason, pause.text);
    } else if (now !== undefined && pauseStored) {
      pauseStored = false;
      gate.resume(now);
    }
  }

  /** Writes a stop by a poison event, so that it holds for all relays, and beyond the life of this one, until an operator resumes. */
  async function storeStop(): Promise<void> {
    const state = gate.state();
    if (state.phase !== "paused" || state.reason !== "poison_stop" || pauseStored) return;
    const record: PauseRecord = { v: 1, since: state.since, text: state.text, reason: "poison_stop" };
    const value = new TextEncoder().encode(JSON.stringify(record));
    if (!(await writeState(nc, stateKey.paused, value, known.pauseRevision))) {
      building = nothingKnown(); // somebody paused meanwhile, or the bucket forgot the end of the last pause
      return;
    }
    known.pause = record;
    pauseStored = true;
  }

  async function carryOut(): Promise<void> {
    const upTo = known.from - 1;
    const failures: unknown[] = [];
    const attempt = async (work: Promise<unknown>): Promise<boolean> => {
      try {
        await work;
        return true;
      } catch (error) {
        failures.push(error);
        return false;
      }
    };
    const works: Promise<unknown>[] = [];
    for (const [token, wish] of known.wishes) {
      if (wish.action === "resume") works.push(attempt(resume(token, wish)));
      else if (deps.owns(shardOf(wish.session))) works.push(attempt(keepPaused(token, wish)));
    }
    for (const { record } of held.list())
      if (record.reason === "paused") ended.add(sessionToken(record.session));
    for (const token of ended) {
      const action = known.wishes.get(token)?.action;
      // a parked one waits for a wish of its own: it was parked after the pause, or would be but for the pause
      if (action === "pause" || held.reason(token) === "parked") ended.delete(token);
      else if (action === undefined) works.push(attempt(held.resume(token).then(() => ended.delete(token))));
    }
    await Promise.all(works);
    const [failure] = failures;
    if (failure !== undefined) throw failure;
    if (upTo <= inForce) return;
    inForce = upTo;
    deps.changed();
  }

  async function keepPaused(token: string, { session, text }: Wish): Promise<void> {
    const reason = held.reason(token);
    if (reason !== undefined && reason !== "backlog") return;
    const lane =
      reason === undefined ? dispatcher.lane(token) : dispatcher.open(session, token, shardOf(session));
    if (lane === undefined) return;
    dispatcher.halt(lane);
    await held.hold(lane, "paused", text);
  }

  /** The relay that has the shard carries it out. If no relay has it, a held session gives it an owner (shard.ts); any other session needs none. */
  async function resume(token: string, { session, skip, revision, seenAt }: Wish): Promise<void> {
    if (deps.owns(shardOf(session))) {
      await held.resume(token, skip);
      ended.delete(token); // or what is parked from here on would be resumed once more when the wish is gone
    } else if (clock.now() - seenAt < ORPHAN_MS) return;
    else if ((await readState(jsm, stateKey.held(token))) !== undefined) return;
    await deleteState(nc, stateKey.control(token), revision); // if it changed, that is read next
  }

  function goesOn({ session, reason }: HeldRecord): boolean {
    const wish = known.wishes.get(sessionToken(session));
    return reason === "parked" ? wish?.action === "resume" : wish?.action !== "pause";
  }

  function counts(): Record<HeldReason, number> {
    const found: Record<HeldReason, number> = { backlog: 0, parked: 0, paused: idle().length };
    for (const { record } of held.list()) found[record.reason]++;
    return found;
  }

  function idle(): string[] {
    const sessions: string[] = [];
    for (const [token, { action, session }] of known.wishes) {
      if (action === "pause" && held.reason(token) === undefined && deps.serves(shardOf(session)))
        sessions.push(session);
    }
    return sessions;
  }

  return {
    read,
    async tick() {
      await read();
      await storeStop();
      alarm({ counts, idle });
      await carryOut().catch((error: unknown) => {
        if (isCoded(error)) throw error;
        log.warn({ err: errorText(error) }, "an operator's request is not yet carried out");
      });
    },
    disconnected: () => void (building = nothingKnown()),
    paused: (token) => paused(token)?.text,
    goesOn,
    inForce: () => inForce,
    idle,
    counts,
    pause: () => known.pause,
  };
}

function nothingKnown(): Known {
  return { from: 1, wishes: new Map(), pause: undefined, pauseRevision: 0 };
}

function subjectOf(key: string): string {
  return `$KV.${STATE_BUCKET}.${key}`;
}
