import type { AguiEvent, RunEvent } from "./agui-event.ts";
import { closeAll, countOpen, noOpenThings, placed } from "./open-things.ts";

/** Whose run it is: a turn's, one that an agent outside began, or one that only holds what came between runs. */
export type RunKind = "turn" | "pushed" | "between";

/** Puts events in an order that a client of AG-UI takes. */
export type Sequence = {
  /** The events that are to be sent for this one. One that fits nowhere brings what is missing with it, or says nothing. */
  put(event: Exclude<AguiEvent, RunEvent>, seq: number): AguiEvent[];
  /** Begins a run. What is under way is ended. */
  begin(run: string, kind: RunKind): AguiEvent[];
  /** Ends the run that is under way. Without one an error gets a run of its own, and any other end is none. */
  end(how: RunEnd, seq: number): AguiEvent[];
  /** To be asked behind everything that belongs together: a run between runs ends where nothing of it is open. */
  settle(): AguiEvent[];
  /** The run that is under way. */
  run(): { id: string; kind: RunKind } | undefined;
};

/** How a run ends. */
export type RunEnd =
  | { type: "RUN_FINISHED"; result?: unknown; outcome?: { type: "cancelled" } }
  | { type: "RUN_ERROR"; message: string; code?: string };

/** A sequence for the client's thread. */
export function createSequence(threadId: string): Sequence {
  const things = noOpenThings();
  let run: { id: string; kind: RunKind } | undefined;

  function inRun(seq: number): AguiEvent[] {
    return run === undefined ? begin(`rr_between_${seq}`, "between") : [];
  }

  function begin(id: string, kind: RunKind): AguiEvent[] {
    if (run?.id === id && run.kind === kind) return [];
    const before = run === undefined ? [] : end({ type: "RUN_FINISHED" }, 0);
    run = { id, kind };
    return [...before, { type: "RUN_STARTED", threadId, runId: id }];
  }

  function end(how: RunEnd, seq: number): AguiEvent[] {
    if (run === undefined && how.type === "RUN_FINISHED") return [];
    const before = [...inRun(seq), ...closeAll(things)];
    const { id: runId } = run ?? { id: "" };
    run = undefined;
    return [...before, how.type === "RUN_ERROR" ? how : { ...how, threadId, runId }];
  }

  return {
    put(event, seq) {
      const events = placed(things, event);
      return events.length === 0 ? [] : [...inRun(seq), ...events];
    },
    begin,
    end,
    settle() {
      return run?.kind === "between" && countOpen(things) === 0 ? end({ type: "RUN_FINISHED" }, 0) : [];
    },
    run: () => run,
  };
}
