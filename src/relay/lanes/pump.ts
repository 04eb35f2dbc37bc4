import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { stoppedBy, type Gate } from "../coordinator/gate.ts";
import type { Source } from "../source/source.ts";
import { batchSize } from "./batch-size.ts";
import type { Connections } from "./connections.ts";
import type { RunningTurn } from "./lane-phase.ts";
import type { Entry, Lane } from "./lane.ts";
import type { Moves } from "./moves.ts";
import type { Next, Outcomes } from "./outcomes.ts";
import type { ReadyLanes } from "./ready.ts";
import type { InFlight } from "./share.ts";
import type { TurnContext, TurnOutcome } from "./turn-outcome.ts";
import type { UnderWay } from "./under-way.ts";
import type { Waiters } from "./waiters.ts";

/** Between two questions whether a lane may be forwarded. */
const FENCED_MS = 100;

/** Stands in for the promise of a turn until there is one. */
const OVER: Promise<void> = Promise.resolve();

export type PumpDeps = {
  clock: Clock;
  log: Logger;
  gate: Gate;
  connections: Connections;
  /** Most entries that one turn takes; 1 without a batch endpoint. */
  batchMax: number;
  /** Sends the entries, which are the lane's first ones, and resolves to the outcome. */
  turn(lane: Lane, entries: Entry[], context: TurnContext): Promise<TurnOutcome>;
  /** Reads a thin head from the log. Returns an outcome if that is not possible. */
  fetch(lane: Lane): Promise<TurnOutcome | undefined>;
  /** Is the session paused by an operator? */
  paused: (token: string) => boolean;
  /** The head asks for its session to be parked. Resolves when that is durable. */
  park(lane: Lane, reason: string): Promise<void>;
  ready: ReadyLanes;
  moves: Moves;
  outcomes: Outcomes;
  underWay: UnderWay;
  waiters: Waiters;
};

/** Gives connections to lanes that are ready: starts turns, and moves a lane on when its turn is over. */
export class Pump {
  readonly #deps: PumpDeps;
  readonly #inFlight: InFlight = { proven: 0, unproven: 0, failing: 0 };
  #drained: (() => void) | undefined;

  constructor(deps: PumpDeps) {
    this.#deps = deps;
  }

  /** Turns under way, by the repute of their lane. */
  get inFlight(): InFlight {
    return { ...this.#inFlight };
  }

  get total(): number {
    return this.#inFlight.proven + this.#inFlight.unproven + this.#inFlight.failing;
  }

  get isDraining(): boolean {
    return this.#drained !== undefined;
  }

  /** Starts whatever may start now. */
  run(): void {
    const wanting = this.#startAll();
    this.#deps.connections.used(this.total, wanting);
    if (wanting) this.#deps.underWay.makeRoom();
  }

  /** Returns whether a lane that has not failed lately waits for a connection. */
  #startAll(): boolean {
    const { gate, ready, connections } = this.#deps;
    while (this.#drained === undefined) {
      const permit = gate.permit();
      if (permit === "none") return false;
      const lane = ready.next(permit === "all" ? this.#inFlight : undefined, connections.most());
      if (lane === undefined) return ready.healthy;
      this.#start(lane, permit === "one");
    }
    return false;
  }

  /** Starts nothing more; resolves when nothing is in flight. */
  drain(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained = resolve;
      if (this.total === 0) resolve();
    });
  }

  #start(lane: Lane, probe: boolean): void {
    const { clock, gate, moves } = this.#deps;
    if (lane.length === 0) return moves.goOn(lane);
    if (probe) gate.takeProbe();
    const turn: RunningTurn = { since: clock.now(), repute: lane.repute, over: OVER };
    this.#inFlight[turn.repute]++;
    moves.move(lane, { on: "start", turn });
    turn.over = this.#send(lane, turn, probe).then((outcome) => this.#ended(lane, turn, outcome));
  }

  async #send(lane: Lane, turn: RunningTurn, probe: boolean): Promise<TurnOutcome> {
    const { gate, log, paused, underWay } = this.#deps;
    let unwatch = (): void => {};
    try {
      if (lane.peek()?.envelope === undefined) {
        const fetched = await this.#deps.fetch(lane);
        if (fetched !== undefined) return fetched;
      }
      const entries = lane.take(probe || lane.alone > 0 ? 1 : batchSize(lane, this.#deps.batchMax));
      if (entries.length === 0) return { kind: "again" };
      return await this.#deps.turn(lane, entries, {
        probe,
        paused: () => paused(lane.token) || stoppedBy(gate.state()) !== undefined,
        began: (attempt) => {
          unwatch(); // a halved batch makes several
          unwatch = underWay.watch(attempt, () => this.#slow(turn));
        },
      });
    } catch (error) {
      log.error({ err: error, session: lane.session }, "turn failed");
      return { kind: "retry", reason: "internal", counts: false };
    } finally {
      unwatch();
    }
  }

  /** As soon as it shows that a session hangs, it counts to the failing share, so that sessions that come now find a connection. */
  #slow(turn: RunningTurn): void {
    this.#inFlight[turn.repute]--;
    turn.repute = "failing";
    this.#inFlight.failing++;
    this.run();
  }

  #ended(lane: Lane, turn: RunningTurn, outcome: TurnOutcome): void {
    this.#inFlight[turn.repute]--;
    this.#carryOut(lane, this.#deps.outcomes.take(lane, outcome, turn.since));
    if (this.#drained !== undefined && this.total === 0) this.#drained();
    this.run();
  }

  #carryOut(lane: Lane, next: Next): void {
    switch (next.kind) {
      case "go_on":
        return this.#deps.moves.goOn(lane);
      case "rest":
        return this.#rest(lane, next.ms, next.asked);
      case "park":
        return this.#park(lane, next.reason);
      case "ask":
        return this.#ask(lane, next.source);
    }
  }

  #rest(lane: Lane, ms: number, asked: boolean): void {
    const { clock, moves } = this.#deps;
    const cancel = clock.after(ms, () => {
      moves.goOn(lane);
      this.run();
    });
    moves.move(lane, { on: "rest", cancel, asked, until: clock.now() + ms });
  }

  #park(lane: Lane, reason: string): void {
    const { log, moves, outcomes, waiters } = this.#deps;
    moves.move(lane, { on: "stand" });
    const standing = lane.phase;
    waiters.tellAll(lane, "parked");
    void this.#deps.park(lane, reason).catch((error: unknown) => {
      log.error({ err: error, session: lane.session }, "the session could not be parked");
      if (lane.phase === standing) this.#carryOut(lane, outcomes.backOff(lane));
    });
  }

  /** The lane continues when its source may forward; until then, the source is asked again from time to time. */
  #ask(lane: Lane, source: Source): void {
    const { moves } = this.#deps;
    moves.move(lane, { on: "rest", cancel: undefined, asked: false, until: undefined });
    const asking = lane.phase;
    void source.verify().then((allowed) => {
      if (lane.phase !== asking) return; // the lane was cleared, halted or opened meanwhile, which moved it on
      if (!allowed) return this.#rest(lane, FENCED_MS, false);
      moves.goOn(lane);
      this.run();
    });
  }
}
