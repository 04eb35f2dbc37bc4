import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import type { PauseRecord } from "../../shared/log/state/control.ts";
import { errorText, isCoded } from "../../shared/base/errors.ts";
import type { HeldReason, HeldRecord } from "../../shared/log/state/held.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { shardOf } from "../../shared/log/schema/partition.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import type { Gate } from "../coordinator/gate.ts";
import { createAlarm } from "./alarm.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { createFulfil } from "./fulfil.ts";
import type { HeldSessions } from "./held-sessions.ts";
import { createPauseOfAll } from "./pause-of-all.ts";
import { createWishes } from "./wishes.ts";

// wishes.ts reads what operators want · fulfil.ts carries it out for sessions · pause-of-all.ts for everything · alarm.ts reminds of what stands still

/** Between two looks at what operators want. */
export const CONTROL_MS = 1000;

export type ControlDeps = {
  nc: NatsConnection;
  jsm: JetStreamManager;
  clock: Clock;
  log: Logger;
  gate: Gate;
  dispatcher: Dispatcher;
  held: HeldSessions;
  /** Shards of the log. */
  shardCount: number;
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
  /** Why an operator paused the session; undefined if it is not paused. */
  paused: (token: string) => string | undefined;
  /** Should a held session go on? */
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
 * paused session's lane stands still (moves.ts), and what comes for it is held (intake.ts, held.ts).
 */
export function createRelayControl(deps: ControlDeps): RelayControl {
  const { clock, log, gate, held } = deps;
  const wishes = createWishes(deps);
  const pauseOfAll = createPauseOfAll({ ...deps, wishes });
  const fulfil = createFulfil({ ...deps, wishes });
  const alarm = createAlarm({ clock, log, gate, held });
  let inForce = 0;

  async function read(): Promise<void> {
    await wishes.read();
    pauseOfAll.follow();
  }

  async function carryOut(): Promise<void> {
    const upTo = wishes.upTo();
    await fulfil();
    if (upTo <= inForce) return;
    inForce = upTo;
    deps.changed();
  }

  function idle(): string[] {
    const sessions: string[] = [];
    for (const [token, { action, session }] of wishes.all()) {
      if (
        action === "pause" &&
        held.reason(token) === undefined &&
        deps.serves(shardOf(session, deps.shardCount))
      )
        sessions.push(session);
    }
    return sessions;
  }

  function counts(): Record<HeldReason, number> {
    const found: Record<HeldReason, number> = { backlog: 0, parked: 0, paused: idle().length };
    for (const { record } of held.list()) found[record.reason]++;
    return found;
  }

  return {
    read,
    async tick() {
      await read();
      await pauseOfAll.storeStop();
      alarm({ counts, idle });
      await carryOut().catch((error: unknown) => {
        if (isCoded(error)) throw error;
        log.warn({ err: errorText(error) }, "an operator's request is not yet carried out");
      });
    },
    disconnected: () => wishes.readAnew(),
    paused: (token) => wishes.pauseOf(token)?.text,
    goesOn({ session, reason }) {
      const token = sessionToken(session);
      return reason === "parked"
        ? wishes.of(token)?.action === "resume"
        : wishes.pauseOf(token) === undefined;
    },
    inForce: () => inForce,
    idle,
    counts,
    pause: () => wishes.pause(),
  };
}
