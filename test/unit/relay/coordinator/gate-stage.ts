import { createGate, type Gate } from "../../../../src/relay/coordinator/gate.ts";
import type { Health } from "../../../../src/relay/coordinator/health.ts";
import type { PauseReason, Verdict } from "../../../../src/relay/coordinator/verdict.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import { createFakeClock, type FakeClock } from "../../../support/fake-clock.ts";

export const WELL: Health = { kind: "well" };
export const AWAY: Health = { kind: "away", text: "ECONNREFUSED", connection: true };
type Kind<K extends Verdict["kind"]> = Extract<Verdict, { kind: K }>;
export const DELIVERED: Kind<"delivered"> = { kind: "delivered" };
export const DEAD: Kind<"dead"> = { kind: "dead", status: 422, reason: "no" };
export const FAILED: Kind<"retry"> = { kind: "retry", reason: "503", connection: false, failure: true };
export const REFUSED: Kind<"retry"> = { kind: "retry", reason: "connect", connection: true, failure: true };
export const YIELDED: Kind<"retry"> = { kind: "retry", reason: "yielded", connection: false, failure: false };
export const REDIRECTED: Kind<"pause"> = { kind: "pause", reason: "redirected", text: "302" };

/** What `GET /health` finds. */
export type Answer = Health | "rejects";

export type Stage = {
  clock: FakeClock;
  gate: Gate;
  health: Answer;
  /** What a probe's event comes to at once; nothing waits if undefined, no answer if "silence". */
  waiting: Verdict | "silence" | undefined;
  phases: string[];
  probes: number;
};

export async function start(health: Answer = WELL): Promise<Stage> {
  const clock = createFakeClock();
  const stage: Stage = {
    clock,
    health,
    waiting: undefined,
    phases: [],
    probes: 0,
    gate: undefined as unknown as Gate,
  };
  stage.gate = createGate({
    clock,
    random: () => 1,
    log: silentLogger(),
    health: () =>
      stage.health === "rejects" ? Promise.reject(new Error("closed")) : Promise.resolve(stage.health),
    offer() {
      const { waiting } = stage;
      if (waiting === undefined || stage.gate.permit() !== "one") return false;
      stage.gate.takeProbe();
      stage.probes++;
      if (waiting !== "silence") void Promise.resolve().then(() => stage.gate.verdict("p", waiting, true));
      return true;
    },
    changed: () => stage.phases.push(stage.gate.state().phase),
  });
  stage.gate.start();
  await clock.pass(0);
  return stage;
}

export function reason(gate: Gate): PauseReason | undefined {
  const state = gate.state();
  return state.phase === "paused" ? state.reason : undefined;
}

/** Verdicts of many sessions, as lanes report them. */
export function report(gate: Gate, verdict: Verdict, times: number, sessions = 10): boolean[] {
  return Array.from({ length: times }, (_, i) => gate.verdict(`s${i % sessions}`, verdict, false));
}
