import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  stepGate,
  stoppedBy,
  type GateEvent,
  type GateState,
} from "../../../../src/relay/coordinator/gate-phase.ts";
import { HEALTHS, REASONS, VERDICTS } from "./gate-phase.machine.ts";

/** What the gate's surroundings do next, if they can: a timer that was set runs out, a question that was asked is answered. */
const step = fc.record({
  what: fc.constantFrom<GateEvent["on"][]>(
    "gone",
    "pause",
    "resume",
    "probe_due",
    "probe_due",
    "health",
    "health",
    "health",
    "offered",
    "probe_taken",
    "probe_ended",
  ),
  health: fc.constantFrom(...HEALTHS),
  verdict: fc.constantFrom(...VERDICTS),
  reason: fc.constantFrom(...REASONS),
  taken: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** The gate with a timer, a question and an offer, each of which there may be one. */
type World = { state: GateState; timer: boolean; asked: GateState | undefined; offered: boolean };

/** Undefined: that cannot happen now. */
function eventOf({ state, timer, asked, offered }: World, step: Step): GateEvent | undefined {
  const at = 0;
  switch (step.what) {
    case "started":
      return undefined;
    case "gone":
      return { on: "gone", text: "", at };
    case "pause":
      return { on: "pause", reason: step.reason, text: "", at };
    case "resume":
      return { on: "resume", reason: step.reason };
    case "probe_due":
      return timer ? { on: "probe_due" } : undefined;
    case "health":
      return asked === undefined ? undefined : { on: "health", found: step.health, asked, at };
    case "offered":
      return offered ? { on: "offered", taken: false } : undefined;
    case "probe_taken":
      return "probe" in state && state.probe ? { on: "probe_taken" } : undefined;
    case "probe_ended":
      return { on: "probe_ended", verdict: step.verdict, at };
  }
}

function take(world: World, event: GateEvent): World {
  const [state, effects] = stepGate(world.state, event);
  const next: World = { ...world, state };
  if (event.on === "probe_due") next.timer = false;
  if (event.on === "health") next.asked = undefined;
  if (event.on === "offered" || event.on === "probe_taken") next.offered = false;
  for (const effect of effects) {
    if (effect.do === "end_probes") [next.timer, next.offered] = [false, false];
    if (effect.do === "schedule_probe") next.timer = true;
    if (effect.do === "ask_health") next.asked = state;
    if (effect.do === "offer_probe") next.offered = true;
  }
  return next;
}

const START: World = { state: { phase: "checking" }, timer: false, asked: undefined, offered: false };

function holds(check: (before: World, event: GateEvent, after: World) => void): void {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 80, size: "max" }), (steps) => {
      let world = take(START, { on: "started" });
      for (const one of steps) {
        const event = eventOf(world, one);
        if (event === undefined) continue;
        const before = world;
        world = take(world, event);
        check(before, event, world);
      }
    }),
  );
}

test("a gate that is closed always finds out again: a probe is scheduled, asked for or offered, unless an operator has to resume", () => {
  holds((_, __, { state, timer, asked, offered }) => {
    const waits = state.phase !== "up" && stoppedBy(state) === undefined;
    if (waits) expect(timer || asked === state || offered, JSON.stringify(state)).toBe(true);
  });
});

test("no probe is scheduled while the gate is up, or while an operator has to resume", () => {
  holds((_, __, { state, timer }) => {
    if (state.phase === "up" || stoppedBy(state) !== undefined) expect(timer).toBe(false);
  });
});

test("a pause that only an operator can end ends by a resume for that reason, and gives way to another such pause only", () => {
  holds(({ state: before }, event, { state: after }) => {
    const reason = stoppedBy(before);
    if (reason === undefined || after === before) return;
    if (event.on === "resume") expect([event.reason, after.phase]).toEqual([reason, "checking"]);
    else
      expect([event.on, stoppedBy(after) !== undefined && stoppedBy(after) !== reason]).toEqual([
        "pause",
        true,
      ]);
  });
});

test("after such a pause nothing is sent before the coordinator was asked", () => {
  holds(({ state: before }, event, { state: after }) => {
    if (before.phase === "checking" && after.phase === "up")
      expect(["health", "probe_ended"]).toContain(event.on);
  });
});

test("every change of phase or reason is reported, and nothing else is", () => {
  const shown = (state: GateState): string =>
    state.phase === "paused" ? `${state.phase} ${state.reason}` : state.phase;
  holds(({ state: before }, event) => {
    const [after, effects] = stepGate(before, event);
    expect(effects.some((effect) => effect.do === "report_change")).toBe(shown(before) !== shown(after));
  });
});
