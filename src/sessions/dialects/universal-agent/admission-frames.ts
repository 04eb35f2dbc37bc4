import { notice, type Frame } from "./frame.ts";

/** Why a turn that a client asked for does not begin. */
export type NotBegun =
  /** Another one runs or waits. */
  | { kind: "busy"; active: string }
  /** It was asked for before, and has not ended. */
  | { kind: "running"; turn: string }
  /** It was asked for before, and has ended. */
  | { kind: "done"; turn: string }
  /** It could not be stored. */
  | { kind: "refused"; message: string; code: string };

/**
 * What the client hears then. Each answer ends with `query_complete`, as the program's does. Where nothing of what was asked for is or will be done there is an `error`
 * before that: without it, the program's own client takes the answer for a turn that succeeded without a word.
 */
export function admissionFrames(not: NotBegun, at: number): Frame[] {
  switch (not.kind) {
    case "busy": {
      const message = "Another turn is currently running for this session.";
      const { active: active_turn_id } = not;
      return [
        notice("status", { status: "turn_rejected_busy", active_turn_id, message }, at),
        notice("error", { message, code: "turn_rejected_busy", active_turn_id }, at),
        notice("query_complete", { completed: false, turn_id: active_turn_id }, at),
      ];
    }
    case "running": {
      const { turn: turn_id } = not;
      const message = "This turn is already in progress.";
      return [
        notice("status", { status: "turn_in_progress", turn_id, message }, at),
        notice("query_complete", { completed: false, turn_id }, at),
      ];
    }
    case "done": {
      const { turn: turn_id } = not;
      const message = "Duplicate turn ignored; request already processed.";
      return [
        notice("status", { status: "duplicate_turn_ignored", turn_id, message }, at),
        notice("query_complete", { turn_id }, at),
      ];
    }
    case "refused":
      return [
        notice("error", { message: not.message, code: not.code }, at),
        notice("query_complete", { completed: false }, at),
      ];
  }
}
