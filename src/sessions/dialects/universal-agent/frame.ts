/**
 * A frame as the program of this dialect sends it. `seq` is ours: where the client continues after a disconnect (`?after=`). Its clients pass over names that they do not know.
 * `time_offset` stands in frames of events only.
 */
export type Frame = {
  type: FrameType;
  data: Record<string, unknown>;
  timestamp: string;
  time_offset?: number | null;
  seq?: number;
};

/** Every type that the program sends and this dialect uses. Clients act upon types, so that no other one may be sent. */
export const FRAME_TYPES = [
  "connected",
  "status",
  "text",
  "thinking",
  "tool_call",
  "tool_result",
  "error",
  "session_info",
  "iteration_end",
  "work_product",
  "input_required",
  "input_response",
  "query_complete",
  "cancelled",
  "pong",
] as const;
export type FrameType = (typeof FRAME_TYPES)[number];

/** A frame that no event of the log stands behind. */
export function notice(type: FrameType, data: Record<string, unknown>, at: number): Frame {
  return { type, data, timestamp: new Date(at).toISOString() };
}
