import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { delayFor } from "../coordinator/backoff.ts";
import type { Answers } from "../coordinator/answers.ts";
import { stoppedBy, type Gate } from "../coordinator/gate.ts";
import { batchSize } from "./batch-size.ts";
import { Budget } from "./budget.ts";
import { createFetch } from "./fetch.ts";
import { Lane, MAX_WHOLE, type Entry, type Phase } from "./lane.ts";
import { ReadyLanes } from "./ready.ts";
import type { InFlight } from "./share.ts";
import type { Ending, TurnContext, TurnOutcome } from "./turn-outcome.ts";
import type { Stored } from "./stored.ts";
import { createUnderWay } from "./under-way.ts";
import { createWaiters } from "./waiters.ts";

// lane.ts keeps one session's order · ready.ts queues lanes · share.ts divides the connections · under-way.ts ends attempts · ../turns/turn.ts sends one head ·
// ../turns/batch.ts sends several · waiters.ts tells gateways when it takes longer · fetch.ts reads the bodies of entries that were kept without them ·
// held.ts reads sessions that wait for long from the log
// Order is a matter of one lane, fairness a matter between lanes: they are apart, so that no rule of fairness can break the order. Whatever a turn does
// with its events, the lane hears only of the outcome, so that everything about HTTP, verdicts and dead letters stays in turns/.

/** Lanes with nothing to do that are remembered for their record; more are forgotten. */
const MAX_IDLE_LANES = 10_000;
/** A head that is on its way for longer than this is in trouble, and executors behind it need not wait for an answer (= default ANSWER_WAIT). */
const SLOW_HEAD_MS = 2000;

/** Reading ahead stops at this many waiting events (0.1 s of work), unless connections are idle: a hot session must not hold up those behind it (ISOLATE-1). */
const READ_AHEAD = 2000;
/** Between two questions whether a lane may be forwarded. */
const FENCED_MS = 100;

export type DispatcherDeps = {
  clock: Clock;
  random: () => number;
  log: Logger;
  gate: Gate;
  answers: Answers;
  connections: number;
  attemptTimeoutMs: number;
  /** An event that keeps failing for so long while others succeed is exhausted. */
  exhaustAfterMs: number;
  /** Most entries that one turn takes; 1 without a batch endpoint. */
  batchMax: number;
  turn(lane: Lane, entries: Entry[], context: TurnContext): Promise<TurnOutcome>;
  /** Reads messages of a session from the log, `from` first, in order; undefined when the log cannot be read now. */
  read: (session: string, from: number) => Promise<Stored[] | undefined>;
  /** An entry was settled; called after its source knows. */
  settled(lane: Lane, entry: Entry, how: Ending): void;
  /** Is the session paused by an operator? */
  paused: (token: string) => boolean;
  /** The head asks for its session to be parked. Resolves when that is durable. */
  hold(lane: Lane, reason: string): Promise<void>;
};

export type Backlog = { session: string; events: number; bytes: number };

export type Dispatcher = {
  /** A new entry at the end of its lane. */
  accept(session: string, token: string, shard: number, entry: Entry): void;
  /** An event that comes again after a reset while it is in flight: its delivery is renewed. Returns whether that was so. */
  renew(token: string, seq: number, deliverySeq: number): boolean;
  lane(token: string): Lane | undefined;
  /** All lanes, for display. */
  lanes(): Iterable<Lane>;
  /** The session's lane, made if there is none. */
  open(session: string, token: string, shard: number): Lane;
  /** Drops what waits in a lane, because somebody else keeps it now. */
  drop(lane: Lane): Entry[];
  /** Stops a lane until {@link Dispatcher.unpark}; what is in flight goes on. */
  park(lane: Lane): void;
  /** Lets a parked lane go on. */
  unpark(lane: Lane): void;
  /** Drops everything that waits for a shard: it will be delivered again, here or to another relay. */
  clearShard(shard: number): void;
  /** Something changed that may let lanes start. */
  pump(): void;
  /** Lets one lane use the gate's probe. */
  offerProbe(): boolean;
  /** The gate opened: lanes that wait because of the outage start now. */
  opened(): void;
  /** Tells every gateway that still waits not to. */
  releaseWaiting(reason: string): void;
  /** Sessions whose events wait behind trouble, and whether there are more than `most`. */
  backlog(most: number): { sessions: Backlog[]; overflow: boolean };
  counts(): { lanes: number; waiting: number; inFlight: InFlight; wholeBytes: number };
  /** False while so much waits, over so many sessions, that reading more would only fill the memory. */
  hasRoom(): boolean;
  /** Resolves when nothing of the shard is on its way. */
  posted(shard: number): Promise<void>;
  /** Starts nothing more; resolves when nothing is in flight. */
  drain(): Promise<void>;
};

/** Runs the lanes side by side: decides who sends next, and what a turn's outcome does to its lane. */
export function createDispatcher(deps: DispatcherDeps): Dispatcher {
  const { clock, gate, log } = deps;
  const lanes = new Map<string, Lane>();
  const ready = new ReadyLanes();
  const waiters = createWaiters(deps.answers);
  const budget = new Budget();
  const fetch = createFetch({ log, budget, read: deps.read });
  const inFlight: InFlight = { proven: 0, unproven: 0, failing: 0 };
  const underWay = createUnderWay({
    clock,
    connections: deps.connections,
    attemptTimeoutMs: deps.attemptTimeoutMs,
    crowded: () => ready.healthy && gate.permit() === "all",
  });
  /** Turns under way. */
  const sent = new Map<Lane, Promise<void>>();
  /** Entries in all lanes, those in flight too. */
  let waiting = 0;
  let successes = 0;
  let draining: (() => void) | undefined;

  function open(session: string, token: string, shard: number): Lane {
    let lane = lanes.get(token);
    if (lane === undefined) lanes.set(token, (lane = new Lane(token, session, shard)));
    return lane;
  }

  function makeReady(lane: Lane): void {
    if (lane.length === 0) {
      lane.phase = { name: "idle" };
      return forgetIdle(lane);
    }
    lane.phase = { name: deps.paused(lane.token) ? "parked" : "ready" };
    if (lane.phase.name === "ready") ready.add(lane);
  }

  function forgetIdle(lane: Lane): void {
    // held.ts writes the pointer of this very lane, and would miss events that come for a new one
    const unused = lane.inFlight.length === 0 && lane.holding === undefined;
    if (lanes.size > MAX_IDLE_LANES && unused) lanes.delete(lane.token);
  }

  function pump(): void {
    while (draining === undefined) {
      const permit = gate.permit();
      if (permit === "none") return;
      const lane = ready.next(permit === "all" ? inFlight : undefined, deps.connections);
      if (lane === undefined) return ready.healthy ? underWay.makeRoom() : undefined;
      start(lane, permit === "one");
    }
  }

  function start(lane: Lane, probe: boolean): void {
    const head = lane.peek();
    if (head === undefined) return makeReady(lane);
    if (probe) gate.takeProbe();
    let { record } = lane;
    inFlight[record]++;
    // A session that hangs takes of the failing share from the moment that it shows: those who come now must find a connection.
    const slow = (): void => {
      inFlight[record]--;
      record = "failing";
      inFlight.failing++;
      pump();
    };
    lane.phase = { name: "sending", since: clock.now() };
    const turn = run(lane, probe, slow).then((outcome) => {
      sent.delete(lane);
      inFlight[record]--;
      apply(lane, outcome);
      if (draining !== undefined && total() === 0) draining();
      pump();
    });
    sent.set(lane, turn);
  }

  async function run(lane: Lane, probe: boolean, slow: () => void): Promise<TurnOutcome> {
    let unwatch = (): void => {};
    try {
      if (lane.peek()?.envelope === undefined) {
        const fetched = await fetch(lane);
        if (fetched !== undefined) return fetched;
      }
      const entries = lane.take(probe || lane.alone > 0 ? 1 : batchSize(lane, deps.batchMax));
      const [entry] = entries;
      if (entry === undefined) return { kind: "again" };
      return await deps.turn(lane, entries, {
        probe,
        paused: () => deps.paused(lane.token) || stoppedBy(gate.state()) !== undefined,
        began(attempt) {
          unwatch(); // a halved batch makes several
          unwatch = underWay.watch(attempt, slow);
        },
      });
    } catch (error) {
      log.error({ err: error, session: lane.session }, "turn failed");
      return { kind: "retry", reason: "internal", counts: false };
    } finally {
      unwatch();
    }
  }

  function apply(lane: Lane, outcome: TurnOutcome): void {
    const since = lane.phase.name === "sending" ? lane.phase.since : clock.now();
    switch (outcome.kind) {
      case "settled":
        measure(outcome.how, clock.now() - since);
        for (const entry of lane.inFlight.splice(0)) settle(lane, entry, outcome.how);
        lane.succeeded();
        return makeReady(lane);
      case "batch": {
        const [head] = lane.inFlight;
        lane.inFlight = lane.inFlight.filter((entry) => !outcome.settled.has(entry));
        for (const [entry, how] of outcome.settled) settle(lane, entry, how);
        if (outcome.settled.size > 0) measure("delivered", clock.now() - since);
        if (head !== undefined && outcome.settled.has(head)) lane.succeeded(); // else the same head failed again
        return apply(lane, outcome.next ?? { kind: "again" });
      }
      case "retry":
        return failed(lane, outcome);
      case "park": {
        putBack(lane);
        if (lane.length === 0) return makeReady(lane); // what was poison comes again by itself
        const parked: Phase = { name: "parked" };
        lane.phase = parked;
        waiters.tellAll(lane, "parked");
        return void deps.hold(lane, outcome.reason).catch((error: unknown) => {
          log.error({ err: error, session: lane.session }, "the session could not be parked");
          if (lane.phase === parked) backOff(lane, undefined);
        });
      }
      case "again":
        putBack(lane);
        return makeReady(lane);
      case "fenced":
        return fenced(lane);
    }
  }

  /** The lane goes on when its source may forward; while the answer is no, it is asked again at a pace. */
  function fenced(lane: Lane): void {
    const source = lane.inFlight[0]?.source;
    putBack(lane);
    if (source === undefined || lane.length === 0) return makeReady(lane);
    let cancel = (): void => {};
    const resting: Phase = { name: "backoff", cancel: () => cancel(), asked: false };
    lane.phase = resting;
    const goOn = (): void => {
      if (lane.phase !== resting) return; // cleared, parked or opened meanwhile: somebody else moved it on
      makeReady(lane);
      pump();
    };
    void source.verify().then((allowed) => {
      if (allowed) goOn();
      else cancel = clock.after(FENCED_MS, goOn);
    });
  }

  /** Back in front, but what comes again by itself is let go. */
  function putBack(lane: Lane): void {
    for (const entry of lane.putBack(lane.inFlight)) release(entry);
  }

  function settle(lane: Lane, entry: Entry, how: Ending): void {
    release(entry);
    if (lane.alone > 0) lane.alone--;
    entry.source.settle(entry);
    deps.settled(lane, entry, how);
  }

  function measure(how: Ending, ms: number): void {
    if (how !== "delivered") return;
    successes++;
    underWay.succeeded(ms);
  }

  function failed(lane: Lane, outcome: TurnOutcome & { kind: "retry" }): void {
    putBack(lane);
    lane.failed(clock.now(), outcome.counts ? successes : lane.successMark, outcome.reason);
    const head = lane.peek();
    if (head !== undefined && outcome.counts && lane.failedForMs >= deps.exhaustAfterMs) {
      const { together = 1 } = outcome;
      if (together > 1) {
        log.warn(
          { session: lane.session, events: together, reason: outcome.reason },
          "a batch keeps failing",
        );
        lane.alone = together; // poison among them must not take its neighbours with it
        lane.forgive();
        return makeReady(lane);
      }
      head.death ??= {
        reason: `exhausted after ${lane.attempts} attempts: ${outcome.reason}`,
        attempts: lane.attempts,
      };
      return makeReady(lane);
    }
    backOff(lane, outcome.retryAfterMs, outcome.afterMs);
  }

  function backOff(lane: Lane, retryAfterMs: number | undefined, exactMs?: number): void {
    waiters.tellBehind(lane);
    const delay = exactMs ?? delayFor(Math.max(1, lane.attempts), deps.random(), retryAfterMs);
    const cancel = clock.after(delay, () => {
      makeReady(lane);
      pump();
    });
    lane.phase = { name: "backoff", cancel, asked: retryAfterMs !== undefined };
  }

  function release(entry: Entry): void {
    waiting--;
    if (entry.envelope !== undefined) budget.give(entry.bytes);
    entry.envelope = undefined;
    entry.data = undefined;
  }

  /** A lane's head is always whole, the next ones while there is room; behind a thin one everything is thin. */
  function keepsWhole(lane: Lane, entry: Entry): boolean {
    if (lane.length === 0) {
      budget.take(entry.bytes);
      return true;
    }
    return (
      lane.length < MAX_WHOLE &&
      lane.peek(lane.length - 1)?.envelope !== undefined &&
      budget.tryTake(entry.bytes)
    );
  }

  function total(): number {
    return inFlight.proven + inFlight.unproven + inFlight.failing;
  }

  /** Would an event that joins this lane now be sent right away? */
  function flows(lane: Lane): boolean {
    if (gate.state().phase !== "up" || lane.length >= MAX_WHOLE) return false;
    if (lane.phase.name === "backoff" || lane.phase.name === "parked" || lane.attempts > 0) return false;
    return lane.phase.name !== "sending" || clock.now() - lane.phase.since < SLOW_HEAD_MS;
  }

  return {
    accept(session, token, shard, entry) {
      const lane = open(session, token, shard);
      if (!flows(lane)) waiters.tell(entry, "backlog");
      if (!keepsWhole(lane, entry)) {
        waiters.tell(entry, "backlog");
        entry.envelope = undefined;
        entry.data = undefined;
      }
      lane.push(entry);
      waiting++;
      if (lane.phase.name === "idle") {
        makeReady(lane);
        pump();
      }
    },
    renew(token, seq, deliverySeq) {
      const entry = lanes.get(token)?.inFlight.find((e) => e.seq === seq);
      if (entry === undefined) return false;
      entry.deliverySeq = deliverySeq;
      entry.stale = false;
      return true;
    },
    lane: (token) => lanes.get(token),
    lanes: () => lanes.values(),
    open,
    clearShard(shard) {
      for (const lane of lanes.values()) {
        if (lane.shard !== shard) continue;
        for (const entry of lane.clear()) release(entry);
        if (lane.phase.name === "backoff") lane.phase.cancel();
        if (lane.phase.name === "sending") continue;
        lane.phase = { name: "idle" };
        forgetIdle(lane);
      }
    },
    drop(lane) {
      const dropped = lane.drop();
      for (const entry of dropped) {
        waiters.tell(entry, "held");
        release(entry);
      }
      return dropped;
    },
    park(lane) {
      if (lane.phase.name === "backoff") lane.phase.cancel();
      if (lane.phase.name !== "sending") lane.phase = { name: "parked" };
    },
    unpark(lane) {
      if (lane.phase.name !== "parked") return;
      lane.forgive();
      makeReady(lane);
      pump();
    },
    pump,
    offerProbe() {
      if (draining !== undefined) return false;
      if (ready.size === 0) {
        // the lane that was tried longest ago: one sick head must not take every probe
        let longest: Lane | undefined;
        for (const lane of lanes.values()) {
          if (lane.phase.name !== "backoff" || lane.phase.asked || lane.length === 0) continue;
          if (longest === undefined || lane.lastFailureAt < longest.lastFailureAt) longest = lane;
        }
        if (longest?.phase.name === "backoff") {
          longest.phase.cancel();
          makeReady(longest);
        }
      }
      const before = total();
      pump();
      return total() > before;
    },
    opened() {
      for (const lane of lanes.values()) {
        if (lane.phase.name !== "backoff" || lane.phase.asked) continue;
        lane.phase.cancel();
        lane.forgive();
        lane.record = "unproven";
        makeReady(lane);
      }
      pump();
    },
    releaseWaiting(reason) {
      for (const lane of lanes.values()) waiters.tellAll(lane, reason);
    },
    backlog(most) {
      const up = gate.state().phase === "up";
      const sessions: Backlog[] = [];
      for (const lane of lanes.values()) {
        const events = lane.length + lane.inFlight.length;
        if (events === 0 || (up && flows(lane))) continue;
        if (sessions.length === most) return { sessions, overflow: true };
        sessions.push({ session: lane.session, events, bytes: lane.bytes });
      }
      return { sessions, overflow: false };
    },
    counts: () => ({ lanes: lanes.size, waiting, inFlight: { ...inFlight }, wholeBytes: budget.used }),
    hasRoom: () => waiting < READ_AHEAD || ready.size < deps.connections,
    posted(shard) {
      const under = [...lanes.values()].filter(
        (lane) => lane.shard === shard && lane.phase.name === "sending",
      );
      return Promise.all(under.map((lane) => sent.get(lane) ?? Promise.resolve())).then(() => undefined);
    },
    drain: () =>
      new Promise((resolve) => {
        draining = resolve;
        if (total() === 0) resolve();
      }),
  };
}
