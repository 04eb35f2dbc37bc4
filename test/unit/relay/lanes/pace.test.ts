import { describe, expect, test } from "vitest";
import type { AttemptResult } from "../../../../src/relay/coordinator/verdict.ts";
import { ownConnections, shareConnections } from "../../../../src/relay/lanes/connections.ts";
import { createPace, type Pace } from "../../../../src/relay/lanes/pace.ts";
import { createFakeClock, type FakeClock } from "../../../support/fake-clock.ts";

function answer(status: number): AttemptResult {
  return { kind: "response", status, headers: {}, body: new Uint8Array(), broken: false };
}

function start(connections = ownConnections(32)): {
  clock: FakeClock;
  pace: Pace;
  wellFor: (rounds: number) => void;
} {
  const clock = createFakeClock();
  const pace = createPace({ clock, connections, total: 32 });
  /** Rounds in which all places are used and lanes wait. */
  function wellFor(rounds: number): void {
    for (let i = 0; i < rounds; i++) {
      pace.used(pace.most(), true);
      clock.jump(100);
      for (let places = pace.most(); places > 0; places--) pace.attempted(answer(201), 20);
    }
  }
  return { clock, pace, wellFor };
}

describe("the pace of a relay", () => {
  test("is the setting's after three rounds of answers", () => {
    const { pace, wellFor } = start();
    wellFor(3);
    expect(pace.standing()).toEqual({ inFlight: 16, allowed: 32, bound: 32 });
  });

  test.each([429, 503])("is lowered by %i, and begins anew when the gate opens", (status) => {
    const { pace, wellFor } = start();
    wellFor(3);
    pace.used(32, true);
    pace.attempted(answer(status), 1);
    expect(pace.most()).toBe(24);
    pace.begin();
    expect(pace.most()).toBe(4);
  });

  test("is not changed by other refusals and failures", () => {
    const { clock, pace, wellFor } = start();
    wellFor(3);
    pace.used(32, true);
    clock.jump(1000);
    for (const status of [400, 401, 422, 500]) pace.attempted(answer(status), 1);
    for (let i = 0; i < 40; i++) pace.attempted({ kind: "failed", cause: "reset", text: "" }, 1000);
    expect(pace.most()).toBe(32);
  });

  test("grows while nothing is answered and lanes wait (ISOLATE-1)", () => {
    const { clock, pace } = start();
    clock.jump(99);
    pace.used(3, true);
    expect(pace.most()).toBe(4);
    clock.jump(1);
    pace.used(3, false);
    expect(pace.most(), "nobody waits").toBe(4);
    pace.used(3, true);
    expect(pace.most()).toBe(8);
  });

  test("a log that the coordinator holds back wants no connections of other logs", () => {
    const part = shareConnections(32);
    const { pace, wellFor } = start(part());
    const other = part();
    wellFor(1);
    pace.used(8, true);
    other.used(20, true);
    expect(other.most(), "all that the first does not use").toBe(24);
  });
});
