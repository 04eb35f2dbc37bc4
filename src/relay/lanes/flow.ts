import type { Clock } from "../../shared/base/clock.ts";
import type { Gate } from "../coordinator/gate.ts";
import { MAX_WHOLE, type Lane } from "./lane.ts";
import type { Roster } from "./roster.ts";

/** A head that is on its way for longer than this is in trouble, and executors behind it need not wait for an answer (= default ANSWER_WAIT). */
const SLOW_HEAD_MS = 2000;

/** A session whose events wait, how many they are, and their bytes in the log. */
export type SessionBacklog = { session: string; events: number; bytes: number };

/** Distinguishes lanes that flow from those that wait behind an event in trouble. */
export class Flow {
  readonly #clock: Clock;
  readonly #gate: Pick<Gate, "state">;

  constructor(deps: { clock: Clock; gate: Pick<Gate, "state"> }) {
    this.#clock = deps.clock;
    this.#gate = deps.gate;
  }

  /** Would an event that joins this lane now be sent right away? */
  flows(lane: Lane): boolean {
    if (this.#gate.state().phase !== "up" || lane.length >= MAX_WHOLE) return false;
    const { phase } = lane;
    if (phase.name === "backoff" || phase.name === "halted" || lane.attempts > 0) return false;
    return phase.name !== "sending" || this.#clock.now() - phase.turn.since < SLOW_HEAD_MS;
  }

  /** How much of a lane waits behind trouble; undefined if nothing does. */
  amount(lane: Lane): { events: number; bytes: number } | undefined {
    const events = lane.length + lane.inFlight.length;
    return events === 0 || this.flows(lane) ? undefined : { events, bytes: lane.bytes };
  }

  /** The shards in which events wait behind trouble. */
  waitingShards(roster: Roster): Set<number> {
    const shards = new Set<number>();
    for (const lane of roster.all())
      if (!shards.has(lane.shard) && this.amount(lane) !== undefined) shards.add(lane.shard);
    return shards;
  }

  /** Sessions whose events wait behind trouble, `most` of them, and whether there are more. */
  backlog(roster: Roster, most: number): { sessions: SessionBacklog[]; overflow: boolean } {
    const sessions: SessionBacklog[] = [];
    for (const lane of roster.all()) {
      const amount = this.amount(lane);
      if (amount === undefined) continue;
      if (sessions.length === most) return { sessions, overflow: true };
      sessions.push({ session: lane.session, ...amount });
    }
    return { sessions, overflow: false };
  }
}
