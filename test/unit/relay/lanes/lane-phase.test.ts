import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  FIRST_PHASE,
  stepPhase,
  type Phase,
  type PhaseEffect,
  type PhaseEvent,
} from "../../../../src/relay/lanes/lane-phase.ts";

type Kind = { on: PhaseEvent["on"]; timer: boolean };

const kinds: fc.Arbitrary<Kind[]> = fc.array(
  fc.record({
    on: fc.constantFrom("empty", "go", "stand", "halt", "start", "rest", "clear"),
    timer: fc.boolean(),
  }),
  { maxLength: 100 },
);

/** Takes a new lane through events; `look` sees every step. */
function live(
  steps: Kind[],
  look: (step: {
    before: Phase;
    event: PhaseEvent;
    after: Phase;
    effects: readonly PhaseEffect[];
    timers: Set<() => void>;
  }) => void,
): void {
  const timers = new Set<() => void>();
  let phase = FIRST_PHASE;
  for (const { on, timer } of steps) {
    const event = eventOf(on, timer);
    if (event.on === "rest" && event.cancel !== undefined) timers.add(event.cancel);
    const [after, effects] = stepPhase(phase, event);
    for (const effect of effects)
      if (effect.do === "cancel" && !timers.delete(effect.timer)) throw new Error("cancelled twice");
    look({ before: phase, event, after, effects, timers });
    phase = after;
  }
}

function eventOf(on: PhaseEvent["on"], timer: boolean): PhaseEvent {
  if (on === "start") return { on, turn: { since: 0, repute: "proven", over: Promise.resolve() } };
  if (on === "rest")
    return { on, cancel: timer ? (): void => {} : undefined, asked: timer, until: undefined };
  return { on };
}

describe("a lane's phase", () => {
  test("a timer is owned by the phase of backoff, or cancelled once", () => {
    fc.assert(
      fc.property(kinds, (steps) => {
        live(steps, ({ after, timers }) => {
          const owned = after.name === "backoff" && after.cancel !== undefined ? [after.cancel] : [];
          expect([...timers]).toEqual(owned);
        });
      }),
    );
  });

  test("ORDER-1: a turn begins only from the queue, and only what the turn itself says ends it", () => {
    fc.assert(
      fc.property(kinds, (steps) => {
        live(steps, ({ before, event, after }) => {
          if (after.name === "sending" && before.name !== "sending") expect(before.name).toBe("ready");
          if (before.name === "sending" && after.name !== "sending")
            expect(["empty", "go", "stand", "rest"]).toContain(event.on);
        });
      }),
    );
  });

  test("a lane takes a place in the queue when it becomes ready, and no second one", () => {
    fc.assert(
      fc.property(kinds, (steps) => {
        live(steps, ({ before, after, effects }) => {
          const queued = effects.some((effect) => effect.do === "queue");
          expect(queued).toBe(after.name === "ready" && before.name !== "ready");
        });
      }),
    );
  });

  test("while its session stands still, only a release or a wait moves it", () => {
    fc.assert(
      fc.property(kinds, (steps) => {
        live(steps, ({ before, event, after }) => {
          if (before.name === "halted" && after.name !== "halted")
            expect(["empty", "go", "rest", "clear"]).toContain(event.on);
        });
      }),
    );
  });

  test("the steps of a busy lane make nothing anew", () => {
    const [ready] = stepPhase(FIRST_PHASE, { on: "go" });
    const [again] = stepPhase(ready, { on: "empty" });
    expect(again).toBe(FIRST_PHASE);
    expect(stepPhase(again, { on: "go" })).toBe(stepPhase(FIRST_PHASE, { on: "go" }));
  });
});
