import type { Next } from "../../shared/base/machine.ts";
import type { Delivery } from "./pull.ts";

// The rules by which a shard changes, without anything that touches the broker: shard.ts carries the effects out (docs/architecture.md, "A shard").
// They stand alone so that a table can show each of them, and a test can try them in every order.

/** A takeover belongs to a pin. An answer to a question of an earlier `turn` is ignored. */
type Pinned = { turn: number; pin: string };

/** What the consumer has to deliver again since its reset; undefined until the broker has answered the reset. */
type Reset = { toCatchUp: number | undefined };

/** Where a shard stands. Only an active one delivers to the lanes. */
export type ShardState =
  /** Another relay is pinned, or none. */
  | { phase: "waiting"; turn: number }
  /** We are pinned. What is stored is read, so that the consumer can be reset. */
  | ({ phase: "taking_over" } & Pinned)
  /** The reset was asked for. Its first message has the delivery sequence 1. */
  | ({ phase: "resetting" } & Pinned & Reset)
  /** `expected` is the next delivery sequence; `delivered` and `pending` are what the newest delivery said, 0 before. */
  | ({ phase: "active"; expected: number; delivered: number; pending: number } & Pinned & Reset)
  /** Another relay should have the shard, so nothing is pulled. */
  | { phase: "handed_over"; turn: number };

/** An event with a `turn` is an answer, and counts in that turn only. */
export type ShardEvent =
  | { on: "started" }
  | { on: "stopped" }
  | { on: "reconnected" }
  | { on: "delivered"; delivery: Delivery }
  /** The broker says that another relay is pinned. */
  | { on: "pin_lost" }
  /** At a takeover the broker said that our pin is not the one. */
  | { on: "pin_refused"; turn: number }
  /** Everything that a takeover needs was read. */
  | { on: "prepared"; turn: number }
  /** `toCatchUp`: what the consumer has to deliver now. */
  | { on: "reset_answered"; turn: number; toCatchUp: number }
  /** A step of the takeover failed, and it is tried again. */
  | { on: "failed"; turn: number }
  /** The consumer does not stand right before the delivery `next`: what it sent did not come. */
  | { on: "tail_lost"; turn: number; next: number };

export type ShardEffect =
  /** Pulls, and looks for events without an owner; ends both. */
  | { do: "pull" }
  | { do: "end_pull" }
  /** Pulls anew, because no earlier pull counts. */
  | { do: "renew_pull" }
  /** Pulls as the relay with this pin. */
  | { do: "set_pin"; pin: string | undefined }
  /** The shard is lost, or has to be taken over again: all events that wait here are dropped. */
  | { do: "forget" }
  | { do: "take_over"; turn: number; why: string }
  /** Everything that arrives from here on counts as new. */
  | { do: "restart_memory" }
  | { do: "deliver"; delivery: Delivery }
  | { do: "report_loss" };

type Then = Next<ShardState, ShardEffect>;

export const AT_FIRST: ShardState = { phase: "waiting", turn: 0 };

const NOTHING: readonly ShardEffect[] = [];
const FORGET: ShardEffect = { do: "forget" };

/** The pin with which this relay takes the shard's events; undefined without one. Pure. */
export function pinOf(state: ShardState): string | undefined {
  return "pin" in state ? state.pin : undefined;
}

/** The delivery sequence that comes next; undefined where none is expected. Pure. */
export function nextOf(state: ShardState): number | undefined {
  if (state.phase === "active") return state.expected;
  return state.phase === "resetting" && state.toCatchUp !== undefined ? 1 : undefined;
}

/** The lanes are cleared and the consumer is reset: nothing counts until it starts again at 1 (docs/facts.md, "Takeover"). */
function takeOver(pin: string, before: ShardState, why: string): Then {
  const turn = before.turn + 1;
  return [{ phase: "taking_over", turn, pin }, [FORGET, { do: "take_over", turn, why }]];
}

function afterReconnect(state: ShardState): Then {
  if (state.phase === "handed_over") return [state, NOTHING];
  const renew: ShardEffect = { do: "renew_pull" };
  if (state.phase === "waiting") return [state, [renew]];
  const [then, effects] = takeOver(state.pin, state, "reconnected");
  return [then, [renew, ...effects]];
}

function activeAfter(
  { turn, pin, toCatchUp }: Pinned & Reset,
  { deliverySeq, seq, pending }: Delivery,
): ShardState {
  return { phase: "active", turn, pin, toCatchUp, expected: deliverySeq + 1, delivered: seq, pending };
}

/** A message carries the pin for which it was sent, and cannot be late with it as a status can. */
function afterDelivery(state: ShardState, delivery: Delivery): Then {
  if (state.phase === "handed_over") return [state, NOTHING];
  const { pin, deliverySeq } = delivery;
  if (pin !== "" && pin !== pinOf(state)) {
    const [then, effects] = takeOver(pin, state, "pinned");
    return [then, [{ do: "set_pin", pin }, ...effects]];
  }
  const deliver: ShardEffect = { do: "deliver", delivery };
  switch (state.phase) {
    case "waiting":
    case "taking_over":
      return [state, NOTHING];
    case "resetting":
      if (deliverySeq === 1) return [activeAfter(state, delivery), [{ do: "restart_memory" }, deliver]];
      // what was delivered before the reset may still arrive, but not after its answer
      if (state.toCatchUp === undefined) return [state, NOTHING];
      return takeOver(state.pin, state, "no restart at 1");
    case "active":
      if (deliverySeq === state.expected) return [activeAfter(state, delivery), [deliver]];
      return takeOver(state.pin, state, "hole or restart in the delivery sequence");
  }
}

function afterReset(state: ShardState & Pinned, toCatchUp: number): ShardState {
  const { turn, pin } = state;
  if (state.phase === "active") return { ...state, toCatchUp };
  if (state.phase !== "resetting") return state;
  if (toCatchUp > 0) return { ...state, toCatchUp };
  // nothing is there to deliver, so the next message that is stored will be the first
  return { phase: "active", turn, pin, toCatchUp, expected: 1, delivered: 0, pending: 0 };
}

/** The answers to the questions of a takeover. They belong to the current turn, so the pin is the same. */
function afterAnswer(state: ShardState, event: Extract<ShardEvent, { turn: number }>): Then {
  if (state.phase === "waiting" || state.phase === "handed_over") return [state, NOTHING];
  const { turn, pin } = state;
  switch (event.on) {
    case "pin_refused":
      if (state.phase !== "taking_over") return [state, NOTHING];
      return [{ phase: "waiting", turn }, [{ do: "set_pin", pin: undefined }, { do: "renew_pull" }]];
    case "prepared":
      if (state.phase !== "taking_over") return [state, NOTHING];
      return [{ phase: "resetting", turn, pin, toCatchUp: undefined }, [{ do: "restart_memory" }]];
    case "reset_answered":
      return [afterReset(state, event.toCatchUp), NOTHING];
    case "failed":
      return [{ phase: "taking_over", turn, pin }, NOTHING];
    case "tail_lost":
      if (nextOf(state) !== event.next) return [state, NOTHING];
      return takeOver(pin, state, "the last delivery was lost");
  }
}

/** The next state of a shard, and what has to be done. Pure. */
export function stepShard(state: ShardState, event: ShardEvent): Then {
  switch (event.on) {
    case "started":
      if (state.phase !== "waiting" && state.phase !== "handed_over") return [state, NOTHING];
      return [{ phase: "waiting", turn: state.turn }, [{ do: "pull" }]];
    case "stopped":
      return [{ phase: "handed_over", turn: state.turn + 1 }, [FORGET, { do: "end_pull" }]];
    case "reconnected":
      return afterReconnect(state);
    case "delivered":
      return afterDelivery(state, event.delivery);
    case "pin_lost":
      if (state.phase === "waiting" || state.phase === "handed_over") return [state, NOTHING];
      return [{ phase: "waiting", turn: state.turn + 1 }, [{ do: "report_loss" }, FORGET]];
    case "pin_refused":
    case "prepared":
    case "reset_answered":
    case "failed":
    case "tail_lost":
      return event.turn === state.turn ? afterAnswer(state, event) : [state, NOTHING];
  }
}
