import { showCursor } from "../../../shared/session-log/follow/cursor.ts";
import type { Sent } from "../../stream/follow.ts";
import type { AguiEvent } from "./agui-event.ts";
import { createHistory, type History } from "./history.ts";
import { createTelling, type Telling } from "./telling.ts";

/** An event for a client. `id`: where a client that got it comes back. */
export type Given = { event: AguiEvent; id?: string };

/** What one client gets of a session (WATCH-1). It is fed from the session's start on, because a client needs to know more than what lies behind its cursor. */
export type Reading = {
  take(item: Sent): Given[];
  /** The last words of a stream that does not go on. */
  closed(code: string, message: string): AguiEvent[];
};

/** Most bytes of a replay. What lies in the log behind that much is sent as it is, event by event. */
const REPLAY_BYTES: number = 4 * 1024 * 1024;

export type ReadingOptions = {
  thread: string;
  /** What the client has seen. */
  after: number;
  /** It has seen another log: this one is new to it. */
  isForeign?: boolean;
  replayBytes?: number;
};

type Phase =
  /** What lies in the log is collected. */
  | { kind: "history"; after: number; history: History }
  /** What lies before the cursor is passed over: nobody has it whole any more, so that no snapshot may stand for it. */
  | { kind: "passing"; after: number; open: AguiEvent[] }
  | { kind: "live" };

type State = {
  thread: string;
  telling: Telling;
  phase: Phase;
  /** The client is to hear that this is another log than the one that it knew. */
  isReset: boolean;
  replayBytes: number;
};

export function createReading({
  thread,
  after,
  isForeign = false,
  replayBytes = REPLAY_BYTES,
}: ReadingOptions): Reading {
  const state: State = {
    thread,
    ...fromStart(thread, isForeign ? 0 : after),
    isReset: isForeign,
    replayBytes,
  };
  return {
    take(item) {
      switch (item.kind) {
        case "event": {
          const { seq } = item.event;
          return withId(takeAll(state, state.telling.take(item.event), seq), seq, item.log);
        }
        case "gap":
          return gap(state, item.from, item.to);
        case "reset":
          return reset(state);
        case "caught_up":
          return state.phase.kind === "live" ? [] : withId(caughtUp(state), item.last, item.log);
      }
    },
    closed(code, message) {
      const isBegun = state.phase.kind === "live" && state.telling.isInRun();
      const start = { type: "RUN_STARTED", threadId: thread, runId: `rr_${code}` } as const;
      return [...(isBegun ? [] : [start]), { type: "RUN_ERROR", message, code }];
    },
  };
}

function fromStart(thread: string, after: number): Pick<State, "telling" | "phase"> {
  return { telling: createTelling(thread), phase: { kind: "history", after, history: createHistory() } };
}

function takeAll(state: State, events: readonly AguiEvent[], seq: number): Given[] {
  const given = events.flatMap((event) => add(state, event, seq));
  const { phase, replayBytes } = state;
  const isFull = phase.kind === "history" && phase.history.bytes() > replayBytes;
  return isFull ? [...given, ...live(state)] : given;
}

function add(state: State, event: AguiEvent, seq: number): Given[] {
  const { phase } = state;
  if (phase.kind === "live") return [{ event }];
  if (phase.kind === "history") {
    phase.history.add(event, seq > phase.after);
    return [];
  }
  if (seq > phase.after) return [...live(state), { event }];
  phase.open = stillOpen(phase.open, event);
  return [];
}

/** What is held of the past, and from now on everything as it comes. */
function live(state: State): Given[] {
  const { phase, thread } = state;
  if (phase.kind === "live") return [];
  state.phase = { kind: "live" };
  const held =
    phase.kind === "history" ? phase.history.replay(thread, `rr_replay_${phase.after}`) : phase.open;
  return held.map((event) => ({ event }));
}

function gap(state: State, from: number, to: number): Given[] {
  const { phase } = state;
  // a client that has seen what was removed keeps it: a snapshot would take it away
  if (phase.kind === "history" && phase.after >= to)
    state.phase = { kind: "passing", after: phase.after, open: [] };
  return takeAll(state, state.telling.note("gap", { from, to }, to), to);
}

function reset(state: State): Given[] {
  const isInRun = state.phase.kind === "live" && state.telling.isInRun();
  Object.assign(state, fromStart(state.thread, 0), { isReset: true });
  const message = "the log was replaced by another one";
  return isInRun ? [{ event: { type: "RUN_ERROR", message, code: "reset" } }] : [];
}

function caughtUp(state: State): Given[] {
  const said = state.isReset ? takeAll(state, state.telling.note("reset", {}, 0), Infinity) : [];
  state.isReset = false;
  return [...said, ...live(state)];
}

/** A client comes back behind the last of the events that are given at once, for only then it has all of them. */
function withId(given: readonly Given[], seq: number, log: string): Given[] {
  return given.map((it, place) => (place === given.length - 1 ? { ...it, id: showCursor(seq, log) } : it));
}

/** What is under way behind an event: its run, and the beginnings of what has not ended. Pure. */
function stillOpen(open: readonly AguiEvent[], event: AguiEvent): AguiEvent[] {
  const { type } = event;
  if (type === "RUN_STARTED") return [event];
  if (type === "RUN_FINISHED" || type === "RUN_ERROR") return [];
  if (/_START(?:ED)?$/.test(type)) return [...open, event];
  const begun = type.replace(/_END$/, "_START").replace(/_FINISHED$/, "_STARTED");
  if (begun === type) return [...open];
  return open.filter((it) => it.type !== begun || idOf(it) !== idOf(event));
}

function idOf(event: AguiEvent): string {
  if ("toolCallId" in event) return event.toolCallId;
  if ("messageId" in event) return event.messageId;
  return "stepName" in event ? event.stepName : "";
}
