import type { JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { MOST_HELD } from "../../shared/log/state/checkpoint.ts";
import type { Clock } from "../../shared/base/clock.ts";
import type { HeldPlace } from "../../shared/log/state/held.ts";
import { MOST_SESSIONS, readDamages, tellDamage } from "../../shared/log/state/damage.ts";
import { codedError, errorText, isCoded } from "../../shared/base/errors.ts";
import { checkLog, missingIn, shortenedText, type LogCheck } from "../../shared/log/state/log-check.ts";
import { stampMs } from "../../shared/log/state/log-end.ts";
import { decodeMark, encodeMark, type LogMark } from "../../shared/log/state/log-mark.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { noteDamage, noteUnreadable, shapeOf } from "../../shared/log/state/note-damage.ts";
import { shardOf } from "../../shared/log/schema/partition.ts";
import { countOf, startingAt } from "../../shared/log/state/ranges.ts";
import { readRevision, readState, writeState } from "../../shared/log/state/state-store.ts";
import { DEAD_STREAM, EVENTS_STREAM, stateKey } from "../../shared/log/schema/topology.ts";
import { readPage, scrub, unsettledOf, type Unsettled } from "./scrub.ts";
import { REPLICA_LAG_MS } from "./direct.ts";

/** How often the newest event's place is written down. */
export const MARK_MS = 1000;

const MENDED = "the log lost its end and was mended meanwhile; what this relay remembers is void";

function anewText(before: string, now: string): string {
  return `what is remembered is of a log made ${before}, this one was made ${now}; run \`provision\``;
}

/** Sessions whose events wait at this relay, and the shards that it serves, because it knows about those only. */
export type WaitingHere = {
  sessions: [session: string, events: number][];
  shards: ReadonlySet<number>;
  held: NonNullable<LogMark["held"]>;
};

/** Whether the log is the one that is remembered, and what to remember of it. */
export type LogWatch = {
  /**
   * Resolves when the log was found to be whole since the connection was made; then nothing can have happened to it. Throws `log_shortened`, and what
   * the broker says.
   */
  whole(): Promise<void>;
  disconnected(): void;
  reconnected(): void;
  /** Writes down the newest event's place. */
  mark(): Promise<void>;
  /** First part of `Rr-Stream-Seq`: a number never comes again within one. */
  epoch(): number;
};

/**
 * A broker that starts again may have lost the end of the log, and gateways write at once, so that the lost numbers are used again. Everything in a relay goes
 * by numbers. So after every reconnect nothing is taken over or written down before the log was compared with what was seen of it. If its end is lost, what
 * this process remembers is void: it ends, and `provision` mends (ADR 0013).
 */
export function createLogWatch(deps: {
  nc: NatsConnection;
  jsm: JetStreamManager;
  clock: Pick<Clock, "wall" | "after">;
  log: Logger;
  waiting: () => WaitingHere;
  fatal: (error: Error) => void;
}): LogWatch {
  const { nc, jsm } = deps;
  let connected = true;
  let checking: Promise<void> | undefined;
  let last: LogCheck | undefined;
  let mended: number | undefined;
  /** Sessions that were held here when the connection was lost. A broker that starts again may also have lost the records that name them. */
  let seenHeld: HeldPlace[] = [];

  async function check(): Promise<void> {
    last = await checkLog(jsm);
    const { end, mark, log } = last;
    if (mark !== undefined && mark.mark.created !== log.created)
      throw codedError("checkpoint_mismatch", anewText(mark.mark.created, log.created));
    const noted = await noteDamage({ nc, jsm, wall: () => deps.clock.wall() }, last, seenHeld);
    if (end.kind === "shortened")
      throw codedError(
        "log_shortened",
        `${shortenedText(end)}; run \`provision\`, which mends what is remembered`,
      );
    const times = mark?.mark.mended ?? 0;
    const first = mended === undefined;
    mended ??= times;
    if (times !== mended) throw codedError("log_shortened", MENDED);
    for (const damage of first ? await readDamages(jsm) : noted) tellDamage(deps.log, damage);
    seenHeld = [];
    void look(last, await unsettledOf({ nc, jsm }, last)).catch((error: unknown) => {
      deps.log.warn({ err: errorText(error) }, "the log could not be read through");
    });
  }

  /** What cannot be read is found in the background: nothing waits for it. */
  async function look(found: LogCheck, unsettled: Unsettled): Promise<void> {
    const goesOn = (): boolean => connected && last === found;
    const known = [...found.missing, ...(found.mark?.mark.unreadable ?? [])].sort(([a], [b]) => a - b);
    const ranges = await scrub(
      {
        read: (from) => readPage(nc, from),
        first: async () => (await jsm.streams.info(EVENTS_STREAM)).state.first_seq,
        clock: deps.clock,
        goesOn,
        lagMs: found.log.config.num_replicas > 1 ? REPLICA_LAG_MS : 0,
      },
      unsettled,
      known,
    );
    if (ranges === undefined || ranges.length === 0) return;
    const damage = await noteUnreadable({ nc, jsm, wall: () => deps.clock.wall() }, found, ranges);
    tellDamage(deps.log, damage);
  }

  function whole(): Promise<void> {
    if (!connected) return Promise.reject(new Error("the broker is not connected"));
    if (checking === undefined) {
      const turn = check();
      checking = turn;
      turn.catch(() => {
        if (checking === turn) checking = undefined; // asked again
      });
    }
    return checking;
  }

  /** What the mark says next; undefined if it says so already. */
  function nextMark(known: LogMark, log: StreamInfo, dead: StreamInfo): LogMark | undefined {
    const at = stampMs(log.state.last_ts);
    const seq = Math.max(log.state.last_seq, known.seq);
    const { sessions, shards, held } = deps.waiting();
    const elsewhere = ([session]: [string, ...unknown[]]): boolean => !shards.has(shardOf(session));
    const others = (known.waiting ?? []).filter(elsewhere);
    const waiting = [...sessions, ...others].sort(([, a], [, b]) => b - a).slice(0, MOST_SESSIONS);
    const missing = startingAt(known.holes ?? [], log.state.first_seq);
    const next: LogMark = {
      ...known,
      seq,
      at: seq === known.seq || Number.isNaN(at) ? known.at : at,
      highest: Math.max(seq, known.highest),
      ...shapeOf({ log, dead, missing }),
      waiting,
      held: [...held, ...(known.held ?? []).filter(elsewhere)].slice(0, MOST_HELD),
    };
    return JSON.stringify(next) === JSON.stringify(known) ? undefined : next;
  }

  async function writeMark(): Promise<void> {
    // nothing may be written before a look; and where nothing is left to deliver, no takeover would look
    await whole().catch((error: unknown) => {
      if (isCoded(error)) deps.fatal(error);
      throw error;
    });
    const turn = checking;
    const [log, dead] = await Promise.all([jsm.streams.info(EVENTS_STREAM), jsm.streams.info(DEAD_STREAM)]);
    const stored = await readState(jsm, stateKey.mark);
    const known: LogMark =
      stored === undefined
        ? { v: 1, created: log.created, seq: 0, at: 0, highest: 0, mended: mended ?? 0 }
        : decodeMark(stored.value);
    if (turn !== checking) return;
    if (known.created !== log.created)
      return deps.fatal(codedError("checkpoint_mismatch", anewText(known.created, log.created)));
    if (known.mended !== mended) return deps.fatal(codedError("log_shortened", MENDED));
    const lessThanKnown =
      countOf(startingAt(known.holes ?? [], log.state.first_seq)) !== missingIn(log) ||
      log.state.first_seq > (known.first ?? log.state.first_seq);
    if (lessThanKnown && stored !== undefined) return lookAgain();
    const next = nextMark(known, log, dead);
    if (next === undefined) return;
    const revision = stored?.revision ?? (await readRevision(jsm, stateKey.mark));
    await writeState(nc, stateKey.mark, encodeMark(next), revision);
  }

  /** Something went that was there while the connection lasted: pruned, deleted by somebody, or given up by the broker when it was read. */
  async function lookAgain(): Promise<void> {
    const found = await checkLog(jsm);
    const noted = await noteDamage({ nc, jsm, wall: () => deps.clock.wall() }, found);
    for (const damage of noted) tellDamage(deps.log, damage);
    if (noted.length > 0 || found.mark === undefined) return; // the mark knows it now
    const next = { ...found.mark.mark, ...shapeOf(found) };
    await writeState(nc, stateKey.mark, encodeMark(next), found.mark.revision);
  }

  return {
    whole,
    disconnected() {
      if (connected) seenHeld = deps.waiting().held;
      connected = false;
      checking = undefined;
    },
    reconnected() {
      connected = true;
    },
    mark: writeMark,
    epoch: () => last?.mark?.mark.epoch ?? Date.parse(last?.log.created ?? ""),
  };
}
