import {
  FREE,
  type Change,
  type HeldEffect,
  type HeldEvent,
  type HeldState,
  type Pointer,
  type Reading,
} from "./state.ts";

const RESTING: Reading = { is: "resting" };
const NOTHING: readonly HeldEffect[] = [];
const GO_ON: readonly HeldEffect[] = [{ do: "go_on" }];

type Step = readonly [HeldState, readonly HeldEffect[]];

/** The next state of a session (docs/architecture.md, "A held session"). The timer of the old state is either owned by the new one, or to be cancelled. Pure. */
export function stepHeld(state: HeldState, event: HeldEvent): Step {
  switch (event.on) {
    case "hold":
      return [begun(state, event.shard, event.change), NOTHING];
    case "written":
      if (state.name !== "entering" && state.name !== "draining") return [state, NOTHING];
      return [pointed(state, event.pointer), [...timerOf(state), { do: "pass" }]];
    case "load":
      return [mayLoad(state) ? pointed(state, event.pointer) : state, NOTHING];
    case "late":
      return [late(state, event.shard, event.from), NOTHING];
    case "failed":
      return [undone(state), NOTHING];
    case "absent":
      return [state.name === "forgotten" ? freeOr(state.shard, state.below) : state, NOTHING];
    case "lost":
      return [lost(state), timerOf(state)];
    case "resume":
      if (state.name !== "standing") return [state, NOTHING];
      return [pointed(state, state.pointer, "draining"), NOTHING];
    case "revert":
      if (state.name !== "draining") return [state, NOTHING];
      return [pointed(state, state.pointer, "standing"), timerOf(state)];
    case "read":
      if (state.name !== "draining" || state.reading.is === "running") return [state, NOTHING];
      return [{ ...state, reading: { is: "running" } }, timerOf(state)];
    case "read_over":
      if (state.name !== "draining" || state.reading.is !== "running") return [state, NOTHING];
      return [{ ...state, reading: RESTING }, NOTHING];
    case "wait":
      if (state.name !== "draining" || state.reading.is !== "resting")
        return [state, [{ do: "cancel", timer: event.cancel }]];
      return [{ ...state, reading: { is: "waiting", cancel: event.cancel } }, NOTHING];
    case "leave":
      return leave(state, event.change);
    case "left":
      return left(state);
    case "known":
      return [state.name === "joined" ? FREE : state, NOTHING];
  }
}

function begun(state: HeldState, shard: number, change: Change): HeldState {
  switch (state.name) {
    case "free":
    case "joined":
      return { name: "entering", shard, below: belowOf(state), change };
    case "draining":
      return { ...state, change };
    case "leaving":
      return { ...state, next: change };
    case "entering":
    case "standing":
    case "forgotten": // the shard is not ours, so nothing may be written; what was sent from the log stays known
      return state;
  }
}

/** The pointer's own reason says whether the session is read or stands still. */
function pointed(
  state: HeldState,
  pointer: Pointer,
  name: "draining" | "standing" = pointer.record.reason === "backlog" ? "draining" : "standing",
): HeldState {
  const below = belowOf(state);
  return name === "standing"
    ? { name, below, pointer }
    : { name, below, pointer, reading: RESTING, change: undefined };
}

/** A shard is lost before it is loaded, so there is no pointer of its sessions then. */
function mayLoad({ name }: HeldState): boolean {
  return name === "free" || name === "joined" || name === "entering" || name === "forgotten";
}

function late(state: HeldState, shard: number, from: number): HeldState {
  if (state.name !== "free" && state.name !== "joined" && state.name !== "forgotten") return state;
  const known = state.name === "forgotten" ? state.from : 0;
  return { name: "forgotten", shard, below: belowOf(state), from: Math.max(known, from) };
}

function undone(state: HeldState): HeldState {
  if (state.name === "entering") return freeOr(state.shard, state.below);
  if (state.name === "draining") return { ...state, change: undefined };
  return state.name === "leaving" ? { ...state, next: undefined } : state;
}

function lost(state: HeldState): HeldState {
  switch (state.name) {
    case "entering":
    case "leaving": {
      const { shard, below } = state;
      const { from } = state.change;
      return from === undefined ? freeOr(shard, below) : { name: "forgotten", shard, below, from };
    }
    case "draining":
    case "standing": {
      const { shard, record } = state.pointer;
      return { name: "forgotten", shard, below: state.below, from: record.from };
    }
    case "free":
    case "joined":
    case "forgotten":
      return state;
  }
}

/** A session whose pointer is being written with another reason stays until that is over. */
function leave(state: HeldState, change: Change): Step {
  if (state.name !== "draining" || state.change !== undefined) return [state, NOTHING];
  const { below, pointer } = state;
  const next: HeldState = { name: "leaving", shard: pointer.shard, below, change, next: undefined };
  return [next, [...timerOf(state), { do: "halt" }]];
}

/** What was sent from the log until then is remembered, also if the shard was lost in the last moment. */
function left(state: HeldState): Step {
  if (state.name === "forgotten") return [freeOr(state.shard, Math.max(state.below, state.from)), GO_ON];
  if (state.name !== "leaving") return [state, NOTHING];
  const { shard, change, next } = state;
  const below = Math.max(state.below, change.from ?? 0);
  return [
    next === undefined ? freeOr(shard, below) : { name: "entering", shard, below, change: next },
    GO_ON,
  ];
}

function freeOr(shard: number, below: number): HeldState {
  return below === 0 ? FREE : { name: "joined", shard, below };
}

function belowOf(state: HeldState): number {
  return state.name === "free" ? 0 : state.below;
}

function timerOf(state: HeldState): readonly HeldEffect[] {
  if (state.name !== "draining" || state.reading.is !== "waiting") return NOTHING;
  return [{ do: "cancel", timer: state.reading.cancel }];
}
