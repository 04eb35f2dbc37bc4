import type { Answers } from "../../../../src/relay/coordinator/answers.ts";
import type { Gate, GateState } from "../../../../src/relay/coordinator/gate.ts";

/** A gate that opens and closes when it is told to. */
export type ScriptedGate = Gate & { set(permit: "all" | "one" | "none"): void };

export function scriptedGate(): ScriptedGate {
  let permit: "all" | "one" | "none" = "all";
  const states: Record<"all" | "one" | "none", GateState> = {
    all: { phase: "up" },
    one: { phase: "away", since: 0, text: "", probe: true },
    none: { phase: "away", since: 0, text: "", probe: false },
  };
  return {
    state: () => states[permit],
    upMs: () => 0,
    nextProbeAt: () => undefined,
    probeNow() {},
    permit: () => permit,
    takeProbe() {
      permit = "none";
    },
    verdict: () => true,
    answered() {},
    doubt() {},
    pause() {},
    resume() {},
    start() {},
    stop() {},
    set(next) {
      permit = next;
    },
  };
}

export function scriptedAnswers(tell: (to: string, what: string) => void): Answers {
  return {
    hand: (to) => tell(to, "answer"),
    handRefusal: (to) => {
      tell(to, "refusal");
      return Promise.resolve(true);
    },
    accepted: (to, reason) => tell(to, reason),
    close() {},
  };
}
