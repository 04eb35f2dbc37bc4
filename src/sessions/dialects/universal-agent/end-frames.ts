import type { SessionEvent } from "../../../shared/session-log/event/session-event.ts";
import type { Frame, FrameType } from "./frame.ts";

/** What is known of the client that gets the frames. */
export type Listener = {
  /** The turn that it asked for on this socket and waits for. */
  own: string | undefined;
  /** Why a turn is to be cancelled, if the socket has seen somebody say so. */
  reasonOf: (turn: string) => string | undefined;
};

const NO_REASON = "User requested stop";

/** What is said of a turn that ended without a message of its agent. */
const MESSAGES: Record<string, string> = {
  sessions_full: "The session holds as much as it may.",
  turn_timeout: "The turn took longer than a turn may.",
  worker_gone: "No worker was there to run the turn.",
};

/**
 * The end of a turn. A client that waits for its own turn stops to read at the first end, and does not look whose it is: ends of other turns come as a status.
 */
export function endFrames(
  event: SessionEvent,
  { outcome, ...data }: Record<string, unknown>,
  { own, reasonOf }: Listener,
): Frame[] {
  const { turn_id = "", session_id, timestamp } = event;
  const frame = (type: FrameType, of: Record<string, unknown>): Frame => ({ type, data: of, timestamp });
  if (own !== undefined && own !== turn_id)
    return [frame("status", { status: "turn_ended", turn_id, outcome })];
  switch (outcome) {
    case "finished":
      return [frame("query_complete", { ...data, turn_id, completed: true })];
    case "cancelled":
      return [
        frame("status", { status: "turn_cancelled", turn_id, message: "Execution cancelled." }),
        frame("query_complete", { turn_id, cancelled: true }),
        frame("cancelled", { reason: reasonOf(turn_id) ?? NO_REASON, run_id: null, session_id }),
      ];
    default:
      return [
        frame("error", { ...data, message: messageOf(outcome, data), turn_id }),
        frame("query_complete", { turn_id, completed: false }),
      ];
  }
}

function messageOf(outcome: unknown, { message, error, code }: Record<string, unknown>): string {
  if (typeof message === "string" && message !== "") return message;
  if (typeof error === "string" && error !== "") return error;
  if (outcome === "interrupted") return "The turn was interrupted: its worker went away.";
  return MESSAGES[String(code)] ?? "The turn failed.";
}
