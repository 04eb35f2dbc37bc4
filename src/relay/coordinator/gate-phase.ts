import type { Next } from "../../shared/base/machine.ts";
import type { Health } from "./health.ts";
import type { PauseReason, Verdict } from "./verdict.ts";

// The rules by which the gate changes, without a clock or a connection: gate.ts carries the effects out (docs/architecture.md, "The gate"). How
// many verdicts are too many is not decided here: breaker.ts and refusals.ts count them.

/** May events be sent? `since` is wall time. `probe`: one head of one lane may be sent, to find out. */
export type GateState =
  | { phase: "checking" }
  | { phase: "up" }
  | { phase: "away"; since: number; text: string; probe: boolean }
  | { phase: "paused"; reason: PauseReason; since: number; text: string; probe: boolean };

/** What happens to probes, which find out whether the gate can open. `at` is wall time. */
type ProbeEvent =
  /** It is time for the next one. */
  | { on: "probe_due" }
  /** What `GET /health` says. It counts only if the gate is as it was when the question was `asked`. */
  | { on: "health"; found: Health; asked: GateState; at: number }
  /** Whether a lane took the probe that was offered. */
  | { on: "offered"; taken: boolean }
  | { on: "probe_taken" }
  /** What came of the head that was sent as a probe. */
  | { on: "probe_ended"; verdict: Verdict; at: number };

/** `at` is wall time. */
export type GateEvent =
  | ProbeEvent
  | { on: "started" }
  /** The coordinator is away: the breaker opened, or its health was asked in doubt. */
  | { on: "gone"; text: string; at: number }
  | { on: "pause"; reason: PauseReason; text: string; at: number }
  /** A pause with this reason is to end. */
  | { on: "resume"; reason: PauseReason };

export type GateEffect =
  /** No probe of the phase before comes any more. */
  | { do: "end_probes" }
  /** Schedules a probe. In one phase the wait gets longer after each probe. */
  | { do: "schedule_probe" }
  /** The gate is in another phase: counters start anew, and the change is reported. */
  | { do: "report_change" }
  | { do: "ask_health" }
  /** Lets the lanes use the probe. */
  | { do: "offer_probe" };

type Then = Next<GateState, GateEffect>;
type StopReason = Extract<PauseReason, "paused_by_operator" | "poison_stop">;
type Waiting = Extract<GateState, { phase: "away" | "paused" }>;

const NOTHING: readonly GateEffect[] = [];
const PROBE: readonly GateEffect[] = [{ do: "schedule_probe" }];
const CHANGE: readonly GateEffect[] = [{ do: "end_probes" }, { do: "report_change" }];
const CHANGE_AND_PROBE: readonly GateEffect[] = [
  { do: "end_probes" },
  { do: "schedule_probe" },
  { do: "report_change" },
];

/** Pauses that are over as soon as `GET /health` answers as a coordinator does, to credentials that we have. */
const ENDED_BY_HEALTH: ReadonlySet<PauseReason> = new Set(["wrong_address", "token_unavailable"]);

function isStop(reason: PauseReason): reason is StopReason {
  return reason === "paused_by_operator" || reason === "poison_stop";
}

function isWaiting(state: GateState): state is Waiting {
  return state.phase === "away" || state.phase === "paused";
}

/** The reason of a pause that only an operator can end. No probe ends it, and no other pause takes its place. Pure. */
export function stoppedBy(state: GateState): StopReason | undefined {
  return state.phase === "paused" && isStop(state.reason) ? state.reason : undefined;
}

/** Does the coordinator refuse most events? Then no refusal is carried out. Pure. */
export function isMassRefusal(state: GateState): boolean {
  return state.phase === "paused" && state.reason === "mass_refusal";
}

function isPausedFor(state: GateState, reason: PauseReason): boolean {
  return state.phase === "paused" && state.reason === reason;
}

function up(): Then {
  return [{ phase: "up" }, CHANGE];
}

function away(text: string, since: number): Then {
  return [{ phase: "away", since, text, probe: false }, CHANGE_AND_PROBE];
}

/** The next probe is scheduled, and many attempts that fail in the same way must not delay it. */
function pause(state: GateState, reason: PauseReason, text: string, since: number): Then {
  if (isPausedFor(state, reason) || (stoppedBy(state) !== undefined && !isStop(reason)))
    return [state, NOTHING];
  return [{ phase: "paused", reason, since, text, probe: false }, isStop(reason) ? CHANGE : CHANGE_AND_PROBE];
}

/** An answer to a probe's question. Where the coordinator itself answers, an event tells whether it takes events again. */
function afterHealth(state: GateState, found: Health, at: number): Then {
  switch (found.kind) {
    case "away":
      return state.phase === "checking" ? away(found.text, at) : [state, PROBE];
    case "wrong_address":
      return isPausedFor(state, "wrong_address")
        ? [state, PROBE]
        : pause(state, "wrong_address", found.text, at);
    case "no_credential":
      return isPausedFor(state, "token_unavailable")
        ? [state, PROBE]
        : pause(state, "token_unavailable", found.text, at);
    case "well":
    case "unknown":
      if (!isWaiting(state)) return up();
      if (state.phase === "paused" && ENDED_BY_HEALTH.has(state.reason)) return up();
      return [{ ...state, probe: true }, [{ do: "offer_probe" }]];
  }
}

/** The result of a probe's head. The next probe was scheduled when this one was taken. */
function afterProbe(state: GateState, verdict: Verdict, at: number): Then {
  switch (verdict.kind) {
    case "dead":
      return isMassRefusal(state) ? [state, NOTHING] : up();
    case "delivered":
    case "unregistered":
      return up();
    case "pause":
      return pause(state, verdict.reason, verdict.text, at);
    case "unauthorized":
      return [state, NOTHING];
    case "retry":
      return verdict.failure ? [state, NOTHING] : up();
  }
}

/** After a pause that only an operator could end, the coordinator is asked before anything is sent. */
function resume(state: GateState, reason: PauseReason): Then {
  if (!isPausedFor(state, reason)) return [state, NOTHING];
  return isStop(reason) ? [{ phase: "checking" }, [...CHANGE, { do: "ask_health" }]] : up();
}

/** Probes end no pause by an operator, and the gate does not need them while it is up. */
function afterProbeEvent(state: GateState, event: ProbeEvent): Then {
  if (state.phase === "up" || stoppedBy(state) !== undefined) return [state, NOTHING];
  if (event.on === "health")
    return event.asked === state ? afterHealth(state, event.found, event.at) : [state, NOTHING];
  if (event.on === "probe_ended") return afterProbe(state, event.verdict, event.at);
  if (!isWaiting(state)) return [state, NOTHING];
  switch (event.on) {
    case "probe_due":
      return [state, [{ do: "ask_health" }]];
    case "offered":
      if (event.taken) return [state, NOTHING];
      // nothing waits, so there is nothing to find out about
      return state.phase === "away" ? up() : [{ ...state, probe: false }, PROBE];
    case "probe_taken":
      return [{ ...state, probe: false }, PROBE]; // the next one comes, whatever the outcome of this one is
  }
}

/** The next state of the gate, and what has to be done. Pure. */
export function stepGate(state: GateState, event: GateEvent): Then {
  switch (event.on) {
    case "started":
      return [state, state.phase === "checking" ? [{ do: "ask_health" }] : NOTHING];
    case "pause":
      return pause(state, event.reason, event.text, event.at);
    case "resume":
      return resume(state, event.reason);
    case "gone":
      return state.phase === "up" ? away(event.text, event.at) : [state, NOTHING];
    case "probe_due":
    case "health":
    case "offered":
    case "probe_taken":
    case "probe_ended":
      return afterProbeEvent(state, event);
  }
}
