import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { Breaker } from "./breaker.ts";
import type { Health } from "./health.ts";
import { Refusals } from "./refusals.ts";
import type { PauseReason, Verdict } from "./verdict.ts";

/** Time between probes while the coordinator is away, which grows by half each time. It is short, so that the backlog drains soon after an outage. */
const AWAY_PROBE_MS = { first: 500, most: 2000 };
/** Time between probes while everything is paused. The cause of a pause seldom goes away within a second. */
const PAUSE_PROBE_MS = { first: 5000, most: 30_000 };
/** After one refused connection the address is asked at this interval, so that a quiet runner also learns of an outage at once. */
const VERIFY_MS = 50;

/** Pauses that are over as soon as `GET /health` answers as a coordinator does, to credentials that we have. */
const ENDED_BY_HEALTH: ReadonlySet<PauseReason> = new Set(["wrong_address", "token_unavailable"]);

/** May events be sent? `probe`: one head of one lane may, to find out. */
export type GateState =
  | { phase: "checking" }
  | { phase: "up" }
  | { phase: "away"; since: number; text: string; probe: boolean }
  | { phase: "paused"; reason: PauseReason; since: number; text: string; probe: boolean };

type StopReason = Extract<PauseReason, "paused_by_operator" | "poison_stop">;

/** The reason of a pause that only an operator can end. No probe ends it, and no other pause takes its place. Pure. */
export function stoppedBy(state: GateState): StopReason | undefined {
  return state.phase === "paused" && isStop(state.reason) ? state.reason : undefined;
}

function isStop(reason: PauseReason): reason is StopReason {
  return reason === "paused_by_operator" || reason === "poison_stop";
}

export type Gate = {
  state(): GateState;
  /** For how long the gate has been up altogether, milliseconds. */
  upMs(): number;
  /** `one` is given out once per probe: the taker must report its verdict with `probe: true`. */
  permit(): "all" | "one" | "none";
  takeProbe(): void;
  /** Takes a verdict in. Returns false if a dead verdict must not be carried out, because the coordinator refuses most events. */
  verdict(session: string, verdict: Verdict, probe: boolean): boolean;
  /** The coordinator answered and is well, but judged no event: such an answer is neither a delivery nor a refusal. */
  answered(session: string): void;
  /** Something else than the coordinator answered, or nothing did. The gate asks `GET /health` what is at the address. */
  doubt(): void;
  pause(reason: PauseReason, text: string): void;
  /** Ends a pause with this reason. After a pause that only an operator could end, the coordinator is asked first. */
  resume(reason: PauseReason): void;
  start(): void;
  stop(): void;
};

/**
 * The one switch between lanes and coordinator: the breaker, the pauses and the probes that end them (docs/contract.md, "Retries, breaker and fair share").
 * `health` asks `GET /health`; `offer` lets the lanes use a probe and tells whether one took it; `changed` runs on every change of phase.
 */
export function createGate(deps: {
  clock: Clock;
  random: () => number;
  log: Logger;
  health: () => Promise<Health>;
  offer: () => boolean;
  changed: () => void;
}): Gate {
  const { clock, log } = deps;
  const breaker = new Breaker();
  const refusals = new Refusals();
  let state: GateState = { phase: "checking" };
  let cancelProbe: () => void = () => {};
  let probes = 0;
  let verifying = false;
  let stopped = false;
  /** How long the gate was up before its present phase, and when that phase began. */
  let wasUpMs = 0;
  let upSince = 0;

  function upMs(): number {
    return wasUpMs + (state.phase === "up" ? clock.now() - upSince : 0);
  }

  function enter(next: GateState): void {
    const before = state;
    wasUpMs = upMs();
    upSince = clock.now();
    state = next;
    cancelProbe();
    probes = 0;
    const { phase } = next;
    if (phase === "up") {
      breaker.reset();
      refusals.reset();
      log.info({ before: before.phase }, "coordinator up");
    } else if (phase === "away") {
      log.warn({ reason: next.text, code: "breaker_open" }, "coordinator away");
      scheduleProbe();
    } else if (phase === "paused") {
      log.error({ reason: next.text, code: next.reason }, "forwarding paused");
      scheduleProbe();
    }
    deps.changed();
  }

  function byHand(): boolean {
    return stoppedBy(state) !== undefined;
  }

  /** Asks for the coordinator's health. A failure to ask counts as an answer, so that probes go on. */
  async function health(): Promise<Health> {
    try {
      return await deps.health();
    } catch (error) {
      return { kind: "away", text: errorText(error), connection: false };
    }
  }

  function away(text: string): void {
    enter({ phase: "away", since: clock.wall(), text, probe: false });
  }

  function scheduleProbe(): void {
    if (stopped || state.phase === "up" || byHand()) return;
    const { first, most } = state.phase === "paused" ? PAUSE_PROBE_MS : AWAY_PROBE_MS;
    const delay = Math.min(most, first * 1.5 ** probes++);
    cancelProbe();
    cancelProbe = clock.after(delay * (0.8 + 0.2 * deps.random()), () => void probe());
  }

  async function probe(): Promise<void> {
    if (byHand()) return;
    const asked = state;
    const found = await health();
    if (state !== asked || stopped) return;
    switch (found.kind) {
      case "away":
        if (state.phase === "checking") return away(found.text);
        return scheduleProbe();
      case "wrong_address":
        if (state.phase === "paused" && state.reason === "wrong_address") return scheduleProbe();
        return pause("wrong_address", found.text);
      case "no_credential":
        if (state.phase === "paused" && state.reason === "token_unavailable") return scheduleProbe();
        return pause("token_unavailable", found.text);
      case "well":
      case "unknown":
        if (state.phase === "checking" || (state.phase === "paused" && ENDED_BY_HEALTH.has(state.reason)))
          return enter({ phase: "up" });
        return offerProbe();
    }
  }

  function offerProbe(): void {
    if (state.phase !== "away" && state.phase !== "paused") return;
    state = { ...state, probe: true };
    if (deps.offer()) return;
    // nothing waits, so there is nothing to find out about
    if (state.phase === "away") return enter({ phase: "up" });
    state = { ...state, probe: false };
    scheduleProbe();
  }

  function pause(reason: PauseReason, text: string): void {
    // the next probe is scheduled, and many attempts that fail in the same way must not delay it
    if (state.phase === "paused" && state.reason === reason) return;
    if (byHand() && !isStop(reason)) return;
    enter({ phase: "paused", reason, since: clock.wall(), text, probe: false });
  }

  /** After one refused connection: asks until it is clear whether the coordinator is away. */
  function verify(): void {
    if (verifying || stopped) return;
    verifying = true;
    clock.after(VERIFY_MS, () => {
      void health().then((found) => {
        verifying = false;
        if (state.phase !== "up" || stopped) return;
        if (found.kind === "away" && found.connection) {
          if (breaker.failure(clock.now(), "", true)) away(found.text);
          else verify();
        }
      });
    });
  }

  function doubt(): void {
    if (verifying || stopped || state.phase !== "up") return;
    verifying = true;
    void health().then((found) => {
      verifying = false;
      if (state.phase !== "up" || stopped) return;
      if (found.kind === "away") away(found.text);
      else if (found.kind === "wrong_address") pause("wrong_address", found.text);
    });
  }

  /** The next probe was scheduled when this one was taken. */
  function verdictOfProbe(verdict: Verdict): boolean {
    const refusing = state.phase === "paused" && state.reason === "mass_refusal";
    switch (verdict.kind) {
      case "dead":
        if (refusing) return false;
        enter({ phase: "up" });
        return true;
      case "delivered":
      case "unregistered":
        enter({ phase: "up" });
        return true;
      case "pause":
        pause(verdict.reason, verdict.text);
        return true;
      case "unauthorized":
        return true;
      case "retry":
        if (!verdict.failure) enter({ phase: "up" });
        return true;
    }
  }

  return {
    state: () => state,
    upMs,
    permit: () => (state.phase === "up" ? "all" : state.phase !== "checking" && state.probe ? "one" : "none"),
    takeProbe() {
      if (state.phase !== "away" && state.phase !== "paused") return;
      state = { ...state, probe: false };
      scheduleProbe(); // the next probe comes, whatever the outcome of this one is
    },
    verdict(session, verdict, probing) {
      if (probing && state.phase !== "up" && !byHand()) return verdictOfProbe(verdict);
      const now = clock.now();
      switch (verdict.kind) {
        case "delivered":
          breaker.success(now, session);
          refusals.record(now, session, false);
          return true;
        case "dead":
          breaker.success(now, session);
          if (state.phase !== "up") return state.phase !== "paused" || state.reason !== "mass_refusal";
          if (!refusals.record(now, session, true)) return true;
          pause("mass_refusal", `${verdict.status} ${verdict.reason}`);
          return false;
        case "retry":
          if (stopped) return true; // the stop itself ended attempts, which says nothing about the coordinator
          if (verdict.failure && breaker.failure(now, session, verdict.connection)) {
            if (state.phase === "up") away(verdict.reason);
          } else if (verdict.connection) verify();
          else if (verdict.foreign || verdict.silent) doubt(); // with few sessions the breaker never opens
          return true;
        case "pause":
          pause(verdict.reason, verdict.text);
          return true;
        case "unauthorized":
        case "unregistered":
          return true;
      }
    },
    answered: (session) => breaker.success(clock.now(), session),
    doubt,
    pause,
    resume(reason) {
      if (state.phase !== "paused" || state.reason !== reason) return;
      if (!byHand()) return enter({ phase: "up" });
      enter({ phase: "checking" });
      void probe();
    },
    start: () => void probe(),
    stop() {
      stopped = true;
      cancelProbe();
    },
  };
}
