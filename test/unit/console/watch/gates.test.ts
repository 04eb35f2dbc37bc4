import { describe, expect, test } from "vitest";
import { Gates } from "../../../../src/console/watch/gates.ts";
import { STATE_SILENCE_MS, type RelayState } from "../../../../src/shared/messages/relay-state.ts";
import type { GateView, RelayView } from "../../../../src/shared/messages/standing/relay-view.ts";

const WALL = 1_700_000_000_000;
const at = (ms: number): { now: number; wall: number } => ({ now: ms, wall: WALL + ms });

function state(relay: string, coordinator: RelayState["coordinator"]): RelayState {
  return { v: 1, relay, shards: [], coordinator, backlog: [], overflow: false };
}

function view(relay: string, gate: GateView): RelayView {
  return { v: 1, relay, instance: "i", gate, delivered: 0, lanes: [], more: 0 };
}

const AWAY = { state: "away", reason: "breaker_open", since: 5 } as const;

describe("the gate of all relays together", () => {
  test("a state shows it at once, the view says why", () => {
    const gates = new Gates();
    expect(gates.whole([], at(0))).toEqual({ phase: "checking" });
    expect(gates.heard(state("a", { state: "up" }), WALL)).toBe(true);
    expect(gates.whole(["a"], at(1))).toEqual({ phase: "up" });
    expect(gates.heard(state("a", AWAY), WALL)).toBe(true);
    expect(gates.whole(["a"], at(2))).toEqual({ phase: "away", since: 5, text: "" });
    gates.told(view("a", { phase: "away", since: 5, text: "ECONNREFUSED" }));
    expect(gates.heard(state("a", AWAY), WALL), "the same again needs no question").toBe(false);
    expect(gates.whole(["a"], at(3))).toEqual({ phase: "away", since: 5, text: "ECONNREFUSED" });
  });

  test.each<[string, RelayState["coordinator"], GateView]>([
    ["it asks the coordinator first", { state: "away", reason: "checking" }, { phase: "checking" }],
    [
      "it is paused",
      { state: "paused", reason: "unauthorized", since: 7 },
      { phase: "paused", reason: "unauthorized", since: 7, text: "" },
    ],
    ["an older one says no time", { state: "away" }, { phase: "away", since: WALL, text: "" }],
  ])("of a relay, when %s", (_, coordinator, gate) => {
    const gates = new Gates();
    gates.heard(state("a", coordinator), WALL);
    expect(gates.whole(["a"], at(0))).toEqual(gate);
  });

  test("of several the most urgent one is shown, and one that is gone no longer counts", () => {
    const gates = new Gates();
    gates.heard(state("a", { state: "up" }), WALL);
    gates.heard(state("b", AWAY), WALL);
    gates.heard(state("c", { state: "paused", reason: "unauthorized", since: 9 }), WALL);
    expect(gates.whole(["a", "b", "c"], at(0))).toMatchObject({ phase: "paused" });
    expect(gates.whole(["a", "b"], at(1))).toMatchObject({ phase: "away" });
    expect(gates.whole(["a"], at(2))).toEqual({ phase: "up" });
  });

  test("a relay that is started again changes nothing; one that stays silent is missed, from when it was", () => {
    const gates = new Gates();
    gates.heard(state("a", { state: "up" }), WALL);
    gates.whole(["a"], at(0));
    expect(gates.whole([], at(100))).toEqual({ phase: "up" });
    expect(gates.whole([], at(99 + STATE_SILENCE_MS))).toEqual({ phase: "up" });
    expect(gates.whole([], at(100 + STATE_SILENCE_MS))).toEqual({ phase: "unheard", since: WALL + 100 });
    gates.heard(state("b", { state: "up" }), WALL);
    expect(gates.whole(["b"], at(9000))).toEqual({ phase: "up" });
  });

  test("while the broker is away no relay is missed", () => {
    const gates = new Gates();
    gates.whole([], at(0));
    expect(gates.whole([], at(STATE_SILENCE_MS))).toMatchObject({ phase: "unheard" });
    gates.listenAnew();
    expect(gates.whole([], at(60_000))).toEqual({ phase: "checking" });
    expect(gates.whole([], at(60_000 + STATE_SILENCE_MS))).toMatchObject({ phase: "unheard" });
  });
});
