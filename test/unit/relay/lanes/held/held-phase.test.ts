import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stepHeld } from "../../../../../src/relay/lanes/held/held-phase.ts";
import {
  FREE,
  shardOfHeld,
  type HeldEffect,
  type HeldEvent,
  type HeldState,
} from "../../../../../src/relay/lanes/held/state.ts";
import { pointerTo } from "./held-session.machine.ts";

type Said = { on: HeldEvent["on"]; reason: "backlog" | "parked"; from: number; begun: boolean };

const said: fc.Arbitrary<Said[]> = fc.array(
  fc.record({
    on: fc.constantFrom(
      ...(["hold", "written", "late", "failed", "load", "absent", "lost", "resume"] as const),
      ...(["revert", "read", "read_over", "wait", "leave", "left", "known"] as const),
    ),
    reason: fc.constantFrom("backlog", "parked"),
    from: fc.integer({ min: 1, max: 1000 }),
    begun: fc.boolean(),
  }),
  { maxLength: 200 },
);

function eventOf({ on, reason, from, begun }: Said): HeldEvent {
  const change = { from: begun ? from : undefined, work: Promise.resolve() };
  switch (on) {
    case "hold":
      return { on, shard: 1, change };
    case "leave":
      return { on, change: { ...change, from } };
    case "written":
    case "load":
      return { on, pointer: pointerTo(from, reason) };
    case "late":
      return { on, shard: 1, from };
    case "wait":
      return { on, cancel: (): void => {} };
    case "failed":
    case "absent":
    case "lost":
    case "resume":
    case "revert":
    case "read":
    case "read_over":
    case "left":
    case "known":
      return { on };
  }
}

type Look = {
  before: HeldState;
  event: HeldEvent;
  after: HeldState;
  effects: readonly HeldEffect[];
  timers: Set<() => void>;
};

/** Takes a session through whatever may be said; `look` sees every step. */
function live(steps: Said[], look: (step: Look) => void): void {
  const timers = new Set<() => void>();
  let state = FREE;
  for (const step of steps) {
    const event = eventOf(step);
    if (event.on === "wait") timers.add(event.cancel);
    const [after, effects] = stepHeld(state, event);
    for (const effect of effects)
      if (effect.do === "cancel" && !timers.delete(effect.timer)) throw new Error("cancelled twice");
    look({ before: state, event, after, effects, timers });
    state = after;
  }
}

/** An older pointer that arrives late must not take back what is known to be over. */
const LATE_TWICE: Said[] = [2, 1].flatMap((from) => [
  { on: "late", reason: "backlog", from, begun: false } as const,
  { on: "left", reason: "backlog", from, begun: false } as const,
]);

function always(property: (step: Look) => void): void {
  fc.assert(
    fc.property(said, (steps) => live(steps, property)),
    { examples: [[LATE_TWICE]] },
  );
}

/** Up to which sequence a session's events are known to be over. */
function knownOf(state: HeldState): number {
  switch (state.name) {
    case "free":
      return 0;
    case "joined":
      return state.below;
    case "entering":
      return state.below;
    case "leaving":
      return Math.max(state.below, state.change.from ?? 0);
    case "forgotten":
      return Math.max(state.below, state.from);
    case "draining":
    case "standing":
      return state.below;
  }
}

describe("a held session", () => {
  test("a timer is owned by the state, or cancelled once", () => {
    always(({ after, timers }) => {
      const waits = after.name === "draining" && after.reading.is === "waiting";
      expect([...timers]).toEqual(waits ? [after.reading.cancel] : []);
    });
  });

  test("SETTLE-1: what waits is acknowledged only when the pointer was written", () => {
    always(({ before, event, after, effects }) => {
      if (!effects.some((effect) => effect.do === "pass")) return;
      expect(event.on).toBe("written");
      expect(["entering", "draining"]).toContain(before.name);
      expect(["draining", "standing"]).toContain(after.name);
    });
  });

  test("ORDER-1: a session that leaves stands still until its pointer is gone, or its shard is lost", () => {
    always(({ before, event, after, effects }) => {
      if (before.name !== "leaving" && after.name === "leaving")
        expect(effects.map((effect) => effect.do)).toContain("halt");
      if (before.name === "leaving" && after.name !== "leaving") expect(["left", "lost"]).toContain(event.on);
      if (effects.some((effect) => effect.do === "go_on")) expect(event.on).toBe("left");
    });
  });

  test("the reason of a pointer that is taken says whether the session is read", () => {
    always(({ event, after }) => {
      if (event.on !== "written" && event.on !== "load") return;
      if (after.name !== "standing" && after.name !== "draining") return;
      if (after.pointer !== event.pointer) return; // it came in a state that takes none
      expect(after.name).toBe(event.pointer.record.reason === "backlog" ? "draining" : "standing");
    });
  });

  test("ONCE-1: what was sent from the log is forgotten only when the shard knows it, or the log says where the session stands", () => {
    always(({ before, event, after }) => {
      if (event.on === "known" || event.on === "absent" || event.on === "load") return;
      expect(knownOf(after)).toBeGreaterThanOrEqual(
        before.name === "forgotten" && event.on === "hold" ? before.below : knownOf(before),
      );
    });
  });

  test("a change is over when something came of it, or nothing", () => {
    always(({ event, after }) => {
      if (event.on !== "written" && event.on !== "failed") return;
      expect(after.name).not.toBe("entering");
      if (after.name === "draining") expect(after.change).toBeUndefined();
    });
  });

  test("a loss of the shard leaves no pointer, and every state but free knows its shard", () => {
    always(({ event, after }) => {
      if (event.on === "lost") expect(["free", "joined", "forgotten"]).toContain(after.name);
      expect(shardOfHeld(after)).toBe(after.name === "free" ? undefined : 1);
    });
  });
});
