import type { Answers } from "../coordinator/answers.ts";
import { createAfterOutage, type AfterOutage } from "./after-outage.ts";
import { Budget } from "./budget.ts";
import { createEntrance, type Entrance } from "./entrance.ts";
import { createFetch } from "./fetch.ts";
import { Flow, type SessionBacklog } from "./flow.ts";
import type { Lane } from "./lane.ts";
import { Memory } from "./memory.ts";
import { Moves } from "./moves.ts";
import { Outcomes, type OutcomesDeps } from "./outcomes.ts";
import { Pump, type PumpDeps } from "./pump.ts";
import { ReadyLanes } from "./ready.ts";
import { Roster } from "./roster.ts";
import type { InFlight } from "./share.ts";
import type { LeaderWord, Stored } from "./stored.ts";
import { createUnderWay } from "./under-way.ts";
import { createWaiters } from "./waiters.ts";

// lane.ts keeps one session's order · lane-phase.ts says what a lane is doing · moves.ts moves it on · roster.ts has all lanes · entrance.ts puts entries into them ·
// ready.ts queues lanes · connections.ts says how many there are, and limit.ts for how many requests the
// coordinator has room (pace.ts) · share.ts divides them · pump.ts starts turns · outcomes.ts says what came of them · under-way.ts ends attempts ·
// after-outage.ts wakes lanes · flow.ts tells lanes that flow from those that wait · memory.ts keeps entries whole or thin · fetch.ts reads the bodies of thin ones ·
// waiters.ts tells gateways when it takes longer · ../turns/turn.ts sends one head · ../turns/batch.ts sends several
// Order is a matter of one lane, and fairness a matter between lanes. They are apart, so that no rule of fairness can break the order. A lane learns only the
// outcome of a turn, so that everything about HTTP, verdicts and dead letters stays in turns/.

/** Reading ahead stops at this many waiting events (0.1 s of work), unless connections are idle: a hot session must not hold up those behind it (ISOLATE-1). */
const READ_AHEAD = 2000;

export type DispatcherDeps = Pick<
  PumpDeps,
  "clock" | "log" | "gate" | "connections" | "batchMax" | "turn" | "paused" | "park"
> &
  Pick<OutcomesDeps, "random" | "exhaustAfterMs" | "settled"> & {
    answers: Answers;
    attemptTimeoutMs: number;
    /** Most bytes of messages that are kept whole. */
    mostWholeBytes: () => number;
    /** Is the session's pointer being written? Its lane is kept then. */
    isHolding: (token: string) => boolean;
    /** Reads messages of a session from the log, `from` first, in order; undefined when the log cannot be read now. */
    read: (session: string, from: number) => Promise<Stored[] | undefined>;
    /** The first event of a session from a number on, as the log's leader has it, which knows at least the number `known`. */
    readLeader: (session: string, from: number, known: number) => Promise<LeaderWord>;
  };

export type Dispatcher = Entrance &
  AfterOutage & {
    lane(token: string): Lane | undefined;
    /** All lanes, for display. */
    lanes(): Iterable<Lane>;
    /** The session's lane, made if there is none. */
    open(session: string, token: string, shard: number): Lane;
    /** Stops a lane until {@link Dispatcher.goOn}; what is in flight continues. */
    halt(lane: Lane): void;
    /** Lets a halted lane go on. */
    goOn(lane: Lane): void;
    /** Something changed that may let lanes start. */
    pump(): void;
    /** Tells every gateway that still waits to wait no longer. */
    releaseWaiting(reason: string): void;
    /** Sessions whose events wait behind trouble, and whether there are more than `most`. */
    backlog(most: number): { sessions: SessionBacklog[]; overflow: boolean };
    /** How much of one session waits behind trouble; undefined if nothing does. */
    waits(token: string): { events: number; bytes: number } | undefined;
    /** The shards in which events wait behind trouble. */
    waitingShards(): Set<number>;
    counts(): { lanes: number; waiting: number; inFlight: InFlight; wholeBytes: number };
    /** False while the lanes hold enough events and sessions: reading more would only fill the memory. */
    hasRoom(): boolean;
    /** Resolves when nothing of the shard is on its way. */
    posted(shard: number): Promise<void>;
    /** Starts nothing more; resolves when nothing is in flight. */
    drain(): Promise<void>;
  };

/** Runs the lanes side by side: decides who sends next, and what a turn's outcome does to its lane. It only puts parts together. */
export function createDispatcher(deps: DispatcherDeps): Dispatcher {
  const { gate, connections } = deps;
  const roster = new Roster(deps.isHolding);
  const ready = new ReadyLanes();
  const budget = new Budget(deps.mostWholeBytes);
  const memory = new Memory(budget);
  const waiters = createWaiters(deps.answers);
  const underWay = createUnderWay({
    ...deps,
    crowded: () => ready.healthy && gate.permit() === "all",
  });
  const moves = new Moves({ roster, ready, paused: deps.paused });
  const outcomes = new Outcomes({ ...deps, memory, waiters, underWay });
  const fetch = createFetch({ ...deps, budget });
  const pump = new Pump({ ...deps, ready, moves, outcomes, underWay, waiters, fetch });
  const flow = new Flow(deps);

  return {
    ...createEntrance({ roster, memory, moves, pump, flow, waiters }),
    ...createAfterOutage({ roster, ready, moves, pump }),
    lane: (token) => roster.get(token),
    lanes: () => roster.all(),
    open: (session, token, shard) => roster.open(session, token, shard),
    halt: (lane) => moves.move(lane, { on: "halt" }),
    goOn(lane) {
      if (lane.phase.name !== "halted") return;
      lane.forgive();
      moves.goOn(lane);
      pump.run();
    },
    pump: () => pump.run(),
    releaseWaiting(reason) {
      for (const lane of roster.all()) waiters.tellAll(lane, reason);
    },
    backlog: (most) => flow.backlog(roster, most),
    waits(token) {
      const lane = roster.get(token);
      return lane && flow.amount(lane);
    },
    waitingShards: () => flow.waitingShards(roster),
    counts: () => ({
      lanes: roster.size,
      waiting: memory.waiting,
      inFlight: pump.inFlight,
      wholeBytes: memory.wholeBytes,
    }),
    hasRoom: () => memory.waiting < READ_AHEAD || ready.size < connections.most(),
    posted: (shard) => postedOf(roster.all(), shard),
    drain: () => pump.drain(),
  };
}

async function postedOf(lanes: Iterable<Lane>, shard: number): Promise<void> {
  const turns: Promise<void>[] = [];
  for (const { shard: its, phase } of lanes)
    if (its === shard && phase.name === "sending") turns.push(phase.turn.over);
  await Promise.all(turns);
}
