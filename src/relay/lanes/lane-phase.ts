import type { Repute } from "./share.ts";

/** The phase of a lane. Each phase owns what must end with it: a turn, or a timer. */
export type Phase =
  /** Nothing waits in it. */
  | { readonly name: "idle" }
  /** It waits for a connection. */
  | { readonly name: "ready" }
  /** Its head is on the way. */
  | { readonly name: "sending"; readonly turn: RunningTurn }
  /** Its head failed, and the lane waits before it tries again. */
  | {
      readonly name: "backoff";
      /** Ends the wait without a next try. Undefined while the lane's source is asked, which ends the wait itself. */
      readonly cancel: Cancel | undefined;
      /** The coordinator asked for this wait, so only an operator shortens it. */
      readonly asked: boolean;
      /** clock.now() of the next try. Undefined while the lane's source is asked. */
      readonly until: number | undefined;
    }
  /** It sends nothing until it is let go on: its session is paused, parked, or joins the live stream. */
  | { readonly name: "halted" };

/** A turn that is under way. */
export type RunningTurn = {
  /** clock.now() of its start. */
  readonly since: number;
  /** Whose share of the connections it takes. */
  repute: Repute;
  /** Resolves when the lane knows its outcome. */
  over: Promise<void>;
};

type Cancel = () => void;

/** What happens to a lane. */
export type PhaseEvent =
  /** It may go on, and nothing waits. */
  | { readonly on: "empty" }
  /** It may go on, and something waits. */
  | { readonly on: "go" }
  /** It may not go on: its session is paused, or its head is poison. Said by the lane's own turn too, so it also ends a phase of sending. */
  | { readonly on: "stand" }
  /** It must stand still, because of a pause or because its session is held. An attempt that is under way is not ended. */
  | { readonly on: "halt" }
  /** A turn begins. */
  | { readonly on: "start"; readonly turn: RunningTurn }
  /** It waits before it tries again. */
  | {
      readonly on: "rest";
      readonly cancel: Cancel | undefined;
      readonly asked: boolean;
      /** clock.now() of the next try. */
      readonly until: number | undefined;
    }
  /** Its shard was lost, and nothing waits any more. An attempt that is under way is not ended. */
  | { readonly on: "clear" };

export type PhaseEffect =
  /** The lane takes its place in the queue for a connection. */
  | { readonly do: "queue" }
  /** The lane may be forgotten if there are too many. */
  | { readonly do: "forget" }
  /** The timer has no owner any more. */
  | { readonly do: "cancel"; readonly timer: Cancel };

type Step = readonly [Phase, readonly PhaseEffect[]];

// A busy lane passes through idle, ready and sending for every event, so these results are made once and not each time.
const NOTHING: readonly PhaseEffect[] = [];
const FORGET: readonly PhaseEffect[] = [{ do: "forget" }];
const QUEUE: readonly PhaseEffect[] = [{ do: "queue" }];
const IDLE: Phase = { name: "idle" };
const READY: Phase = { name: "ready" };
const TO_IDLE: Step = [IDLE, FORGET];
const TO_READY: Step = [READY, QUEUE];

/** The phase of a lane that was just made. */
export const FIRST_PHASE: Phase = IDLE;

/**
 * The next phase of a lane (docs/architecture.md, "A lane's phase"). The timer of the old phase is either owned by the new one, or among the effects, to be
 * cancelled. Pure.
 */
export function stepPhase(phase: Phase, event: PhaseEvent): Step {
  switch (event.on) {
    case "empty":
      return phase.name === "backoff" ? [IDLE, [...cancelled(phase.cancel), ...FORGET]] : TO_IDLE;
    case "go":
      if (phase.name === "ready") return [phase, NOTHING]; // it has its place in the queue
      return phase.name === "backoff" ? [READY, [...cancelled(phase.cancel), ...QUEUE]] : TO_READY;
    case "stand":
      return [{ name: "halted" }, timerOf(phase)];
    case "halt":
      return phase.name === "sending" ? [phase, NOTHING] : [{ name: "halted" }, timerOf(phase)];
    case "start":
      return phase.name === "ready" ? [{ name: "sending", turn: event.turn }, NOTHING] : [phase, NOTHING];
    case "rest":
      if (phase.name === "idle" || phase.name === "ready") return [phase, cancelled(event.cancel)];
      return [
        { name: "backoff", cancel: event.cancel, asked: event.asked, until: event.until },
        timerOf(phase),
      ];
    case "clear":
      return phase.name === "sending" ? [phase, NOTHING] : [IDLE, [...timerOf(phase), ...FORGET]];
  }
}

function timerOf(phase: Phase): readonly PhaseEffect[] {
  return phase.name === "backoff" ? cancelled(phase.cancel) : NOTHING;
}

function cancelled(timer: Cancel | undefined): readonly PhaseEffect[] {
  return timer === undefined ? NOTHING : [{ do: "cancel", timer }];
}
