import {
  stepGate,
  stoppedBy,
  type GateEvent,
  type GateState,
} from "../../../../src/relay/coordinator/gate-phase.ts";
import type { Health } from "../../../../src/relay/coordinator/health.ts";
import type { PauseReason, Verdict } from "../../../../src/relay/coordinator/verdict.ts";
import type { Machine } from "../../docs/state-machine.ts";

export const HEALTHS: readonly Health[] = [
  { kind: "well" },
  { kind: "unknown" },
  { kind: "away", text: "", connection: true },
  { kind: "wrong_address", text: "" },
  { kind: "no_credential", text: "" },
];

export const VERDICTS: readonly Verdict[] = [
  { kind: "delivered" },
  { kind: "dead", status: 422, reason: "" },
  { kind: "unregistered" },
  { kind: "unauthorized", status: 401 },
  { kind: "pause", reason: "redirected", text: "" },
  { kind: "retry", reason: "", connection: false, failure: true },
  { kind: "retry", reason: "", connection: false, failure: false },
];

export const REASONS: readonly PauseReason[] = [
  "wrong_address",
  "token_unavailable",
  "mass_refusal",
  "redirected",
  "poison_stop",
  "paused_by_operator",
];

function paused(reason: PauseReason, probe = false): GateState {
  return { phase: "paused", reason, since: 0, text: "", probe };
}

const STATES = {
  checking: [{ phase: "checking" }],
  up: [{ phase: "up" }],
  away: [{ phase: "away", since: 0, text: "", probe: true }],
  paused: REASONS.slice(0, 4).map((reason) => paused(reason, true)),
  stopped: REASONS.slice(4).map((reason) => paused(reason)),
} satisfies Record<string, GateState[]>;

/** Samples of what the gate can be in and of what happens to it. A pause that only an operator ends goes by the name `stopped`. */
export const gatePhase: Machine<GateState, GateEvent> = {
  file: "src/relay/coordinator/gate-phase.ts",
  step: stepGate,
  nameOf: (state) => (stoppedBy(state) === undefined ? state.phase : "stopped"),
  states: STATES,
  events: {
    started: [{ on: "started" }],
    gone: [{ on: "gone", text: "", at: 0 }],
    pause: REASONS.map((reason) => ({ on: "pause", reason, text: "", at: 0 })),
    resume: REASONS.map((reason) => ({ on: "resume", reason })),
    probe_due: [{ on: "probe_due" }],
    health: Object.values(STATES)
      .flat()
      .flatMap((asked) => HEALTHS.map((found) => ({ on: "health", found, asked, at: 0 }))),
    offered: [
      { on: "offered", taken: true },
      { on: "offered", taken: false },
    ],
    probe_taken: [{ on: "probe_taken" }],
    probe_ended: VERDICTS.map((verdict) => ({ on: "probe_ended", verdict, at: 0 })),
  } satisfies Record<GateEvent["on"], GateEvent[]>,
};
