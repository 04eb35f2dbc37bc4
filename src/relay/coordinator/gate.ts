import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { createMachine, type Machine } from "../../shared/base/machine.ts";
import { Breaker } from "./breaker.ts";
import { createDoubts, type Doubts } from "./doubts.ts";
import {
  stepGate,
  isMassRefusal,
  stoppedBy,
  type GateEffect,
  type GateEvent,
  type GateState,
} from "./gate-phase.ts";
import type { Health } from "./health.ts";
import { createProbeTimer, type ProbeTimer } from "./probe-timer.ts";
import { Refusals } from "./refusals.ts";
import type { PauseReason, Verdict } from "./verdict.ts";

// gate-phase.ts decides · breaker.ts and refusals.ts count · probe-timer.ts waits · doubts.ts asks again while the gate is up
// All lanes share one state: a coordinator that is away for one session is away for all.

export { stoppedBy, type GateState } from "./gate-phase.ts";

export type Gate = {
  state(): GateState;
  /** For how long the gate has been up altogether, milliseconds. */
  upMs(): number;
  /** When the next probe asks the coordinator, clock.now(); undefined if none is scheduled. */
  nextProbeAt(): number | undefined;
  /** An operator does not want to wait for the next probe: it comes now. Does nothing while the gate is up, or waits for an operator. */
  probeNow(): void;
  /** `one` is given out once per probe: the taker must report its verdict with `probe: true`. */
  permit(): "all" | "one" | "none";
  takeProbe(): void;
  /** Takes a verdict in. Returns false if a dead verdict must not be carried out, because the coordinator refuses most events. */
  verdict(session: string, verdict: Verdict, probe: boolean): boolean;
  /** The coordinator answered and is well, but judged no event: such an answer is neither a delivery nor a refusal. */
  answered(session: string): void;
  /** Something else than the coordinator answered, or nothing did. The gate asks `GET /health` what is at the address. */
  doubt(): void;
  pause(reason: PauseReason, text: string): void;
  /** Ends a pause with this reason. After a pause that only an operator could end, the coordinator is asked first. */
  resume(reason: PauseReason): void;
  start(): void;
  stop(): void;
};

/** `health` asks `GET /health`; `offer` lets the lanes use a probe and tells whether one took it; `changed` runs on every change of phase. */
export type GateDeps = {
  clock: Clock;
  random: () => number;
  log: Logger;
  health: () => Promise<Health>;
  offer: () => boolean;
  changed: () => void;
};

/** What the gate consists of. */
type Parts = {
  deps: GateDeps;
  machine: Machine<GateState, GateEvent, GateEffect>;
  breaker: Breaker;
  refusals: Refusals;
  timer: ProbeTimer;
  upTime: UpTime;
  /** Asks for the coordinator's health. A failure to ask counts as an answer, so that probes go on. */
  health: () => Promise<Health>;
  /** The phase that others heard of last. */
  reported: GateState["phase"];
  /** The relay stops. */
  stopping: boolean;
};

/** Adds up for how long something was so, with pauses in between. Times are `clock.now()`. */
class UpTime {
  #before = 0;
  #since: number | undefined;

  set(up: boolean, now: number): void {
    this.#before = this.total(now);
    this.#since = up ? now : undefined;
  }

  total(now: number): number {
    return this.#before + (this.#since === undefined ? 0 : now - this.#since);
  }
}

function createParts(deps: GateDeps): Parts {
  const machine = createMachine<GateState, GateEvent, GateEffect>({ phase: "checking" }, stepGate);
  return {
    deps,
    machine,
    breaker: new Breaker(),
    refusals: new Refusals(),
    timer: createProbeTimer({ ...deps, due: () => machine.send({ on: "probe_due" }) }),
    upTime: new UpTime(),
    async health() {
      try {
        return await deps.health();
      } catch (error) {
        return { kind: "away", text: errorText(error), connection: false };
      }
    },
    reported: "checking",
    stopping: false,
  };
}

function doubtsOf(parts: Parts): Doubts {
  const { clock } = parts.deps;
  const { state, send } = parts.machine;
  return createDoubts({
    clock,
    health: parts.health,
    up: () => state().phase === "up" && !parts.stopping,
    refused: () => parts.breaker.failure(clock.now(), "", true),
    gone: (text) => send({ on: "gone", text, at: clock.wall() }),
    wrongAddress: (text) => send({ on: "pause", reason: "wrong_address", text, at: clock.wall() }),
  });
}

/** The gate is in another phase: its counters start anew, and others hear of it. */
function reportChange(parts: Parts): void {
  const { deps, breaker, refusals, upTime, reported: before } = parts;
  const state = parts.machine.state();
  parts.reported = state.phase;
  upTime.set(state.phase === "up", deps.clock.now());
  if (state.phase === "up") {
    breaker.reset();
    refusals.reset();
    deps.log.info({ before }, "coordinator up");
  } else if (state.phase === "away")
    deps.log.warn({ reason: state.text, code: "breaker_open" }, "coordinator away");
  else if (state.phase === "paused")
    deps.log.error({ reason: state.text, code: state.reason }, "forwarding paused");
  deps.changed();
}

async function askHealth(parts: Parts): Promise<void> {
  const { state, send } = parts.machine;
  const asked = state();
  const found = await parts.health();
  if (!parts.stopping) send({ on: "health", found, asked, at: parts.deps.clock.wall() });
}

/** Carries out what gate-phase.ts decides. */
function effectsOf(parts: Parts): (effect: GateEffect) => void {
  const { deps, machine, timer } = parts;
  return function carryOut(effect) {
    switch (effect.do) {
      case "end_probes":
        return timer.restart();
      case "report_change":
        return reportChange(parts);
      case "schedule_probe": {
        const { phase } = machine.state();
        return timer.schedule(phase === "paused" ? "paused" : "away");
      }
      case "ask_health":
        return void askHealth(parts);
      case "offer_probe":
        return machine.send({ on: "offered", taken: deps.offer() });
    }
  };
}

/** Counts the verdict on an event that was no probe. */
function count(parts: Parts, doubts: Doubts, session: string, verdict: Verdict): void {
  const { breaker, refusals } = parts;
  const { state, send } = parts.machine;
  const now = parts.deps.clock.now();
  const at = parts.deps.clock.wall();
  switch (verdict.kind) {
    case "delivered":
      breaker.success(now, session);
      refusals.record(now, session, false);
      return;
    case "dead":
      breaker.success(now, session);
      if (state().phase !== "up" || !refusals.record(now, session, true)) return;
      return send({ on: "pause", reason: "mass_refusal", text: `${verdict.status} ${verdict.reason}`, at });
    case "retry":
      if (parts.stopping) return; // the stop itself ended attempts, which says nothing about the coordinator
      if (verdict.failure && breaker.failure(now, session, verdict.connection))
        send({ on: "gone", text: verdict.reason, at });
      else if (verdict.connection) doubts.unreached();
      else if (verdict.foreign || verdict.silent) doubts.unclear(); // with few sessions the breaker never opens
      return;
    case "pause":
      return send({ on: "pause", reason: verdict.reason, text: verdict.text, at });
    case "unauthorized":
    case "unregistered":
  }
}

/** The one switch between lanes and coordinator: the breaker, the pauses and the probes that end them (docs/contract.md, "Retries, breaker and fair share"). */
export function createGate(deps: GateDeps): Gate {
  const parts = createParts(deps);
  const { breaker, timer, upTime } = parts;
  const { state, send, onEffect } = parts.machine;
  const { clock } = deps;
  const doubts = doubtsOf(parts);
  onEffect(effectsOf(parts));
  return {
    state,
    upMs: () => upTime.total(clock.now()),
    nextProbeAt: () => timer.dueAt(),
    probeNow: () => send({ on: "probe_due" }),
    permit() {
      const now = state();
      if (now.phase === "up") return "all";
      return now.phase !== "checking" && now.probe ? "one" : "none";
    },
    takeProbe: () => send({ on: "probe_taken" }),
    verdict(session, verdict, probing) {
      if (probing && state().phase !== "up" && stoppedBy(state()) === undefined)
        send({ on: "probe_ended", verdict, at: clock.wall() });
      else count(parts, doubts, session, verdict);
      return verdict.kind !== "dead" || !isMassRefusal(state());
    },
    answered: (session) => breaker.success(clock.now(), session),
    doubt: doubts.unclear,
    pause: (reason, text) => send({ on: "pause", reason, text, at: clock.wall() }),
    resume: (reason) => send({ on: "resume", reason }),
    start: () => send({ on: "started" }),
    stop() {
      parts.stopping = true;
      timer.stop();
    },
  };
}
