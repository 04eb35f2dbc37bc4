import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  AT_FIRST,
  nextOf,
  pinOf,
  stepShard,
  type ShardEffect,
  type ShardEvent,
  type ShardState,
} from "../../../../src/relay/source/shard-phase.ts";
import { delivery } from "./shard-phase.machine.ts";

/** What may happen next; answers are of this turn, or of one or two turns before. */
type Step = { event: ShardEvent["on"]; deliverySeq: number; pin: string; ago: number; toCatchUp: number };

/** Mostly what leads on: a takeover that succeeds, and deliveries in their order. */
const step = fc.record<Step>({
  event: fc.oneof(
    { weight: 8, arbitrary: fc.constant<ShardEvent["on"]>("delivered") },
    { weight: 6, arbitrary: fc.constantFrom<ShardEvent["on"][]>("prepared", "reset_answered") },
    {
      weight: 2,
      arbitrary: fc.constantFrom<ShardEvent["on"][]>(
        "started",
        "stopped",
        "reconnected",
        "pin_lost",
        "pin_refused",
        "failed",
        "tail_lost",
      ),
    },
  ),
  deliverySeq: fc.constantFrom(0, 0, 0, 0, 1),
  pin: fc.constantFrom("", "", "", "", "a", "b"),
  ago: fc.constantFrom(0, 0, 0, 0, 1, 2),
  toCatchUp: fc.constantFrom(0, 3),
});

function eventOf(state: ShardState, { event, deliverySeq, pin, ago, toCatchUp }: Step): ShardEvent {
  const turn = state.turn - ago;
  switch (event) {
    case "delivered": {
      // the one that is expected, or one beside it
      const expected = state.phase === "active" ? state.expected : 1;
      return { on: event, delivery: delivery(expected + deliverySeq, pin) };
    }
    case "reset_answered":
      return { on: event, turn, toCatchUp };
    case "pin_refused":
    case "prepared":
    case "failed":
      return { on: event, turn };
    case "tail_lost":
      return { on: event, turn, next: (nextOf(state) ?? 1) + deliverySeq };
    case "started":
    case "stopped":
    case "reconnected":
    case "pin_lost":
      return { on: event };
  }
}

type Seen = { before: ShardState; event: ShardEvent; after: ShardState; effects: readonly ShardEffect[] };

function run(steps: readonly Step[]): Seen[] {
  let state: ShardState = AT_FIRST;
  return steps.map((one) => {
    const before = state;
    const event = eventOf(before, one);
    const [after, effects] = stepShard(before, event);
    state = after;
    return { before, event, after, effects };
  });
}

function holds(check: (seen: Seen[]) => void): void {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60, size: "max" }), (steps) => check(run(steps))),
  );
}

test("ORDER-1: what is delivered since a takeover has the delivery sequences 1, 2, 3 …, and nothing is while a takeover lasts", () => {
  let most = 0;
  holds((seen) => {
    let next: number | undefined;
    for (const { before, after, effects } of seen) {
      if (before.phase === "resetting" && after.phase === "active") next = 1;
      for (const effect of effects) {
        if (effect.do === "forget") next = undefined;
        if (effect.do !== "deliver") continue;
        expect(effect.delivery.deliverySeq).toBe(next);
        if (next !== undefined) most = Math.max(most, next++);
      }
      if (after.phase === "taking_over") next = undefined; // a failed reset: everything comes again
    }
  });
  expect(most).toBeGreaterThan(2); // the property saw deliveries
});

test("what waits is forgotten whenever the shard is lost, handed over or taken over, and each takeover has a turn of its own", () => {
  holds((seen) => {
    for (const { before, after, effects } of seen) {
      expect(after.turn).toBeGreaterThanOrEqual(before.turn);
      const names = effects.map((effect) => effect.do);
      expect(names.includes("forget")).toBe(after.turn > before.turn);
      for (const effect of effects) if (effect.do === "take_over") expect(effect.turn).toBe(after.turn);
      expect(names.includes("take_over")).toBe(after.turn > before.turn && after.phase === "taking_over");
    }
  });
});

test("an answer to a question of an earlier turn changes nothing", () => {
  holds((seen) => {
    for (const { before, event, after, effects } of seen) {
      if (!("turn" in event) || event.turn === before.turn) continue;
      expect(after).toBe(before);
      expect(effects).toEqual([]);
    }
  });
});

test("a shard that was handed over takes nothing until it is started again", () => {
  holds((seen) => {
    for (const { before, event, after, effects } of seen) {
      if (before.phase !== "handed_over" || event.on === "started" || event.on === "stopped") continue;
      expect(after).toBe(before);
      expect(effects).toEqual([]);
    }
  });
});

test("the pin that the shard has is the one with which it pulls", () => {
  holds((seen) => {
    let pulled: string | undefined;
    for (const { before, after, effects } of seen) {
      for (const effect of effects) {
        if (effect.do === "set_pin") pulled = effect.pin;
        if (effect.do === "end_pull" || effect.do === "report_loss") pulled = undefined; // pull.ts knows of both
      }
      expect(pinOf(after), before.phase).toBe(pulled);
    }
  });
});
