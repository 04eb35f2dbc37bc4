import type { SessionEvent, UnreadableEvent } from "../../../shared/session-log/event/session-event.ts";
import { endFrames, type Listener } from "./end-frames.ts";
import { eventData } from "./event-data.ts";
import type { Frame, FrameType } from "./frame.ts";

/** Types of events that are frames of the same name. */
const SAME = [
  "text",
  "tool_call",
  "tool_result",
  "status",
  "session_info",
  "iteration_end",
  "work_product",
  "input_required",
  "input_response",
] as const satisfies readonly FrameType[];

/** What clients wanted, and what says how turns begin: the program sends nothing for these. */
const UNTOLD = ["created", "session_changed", "turn", "cancel", "decision", "owner", "turn_started"];

/** The frames that a client gets for an event of the log, in order. The last one alone has the event's `seq`, so that nobody continues behind half of them. Pure. */
export function eventFrames(event: SessionEvent, listener: Listener): Frame[] {
  const frames = framesOf(event, eventData(event), listener);
  return frames.map((frame, i) => (i === frames.length - 1 ? { ...frame, seq: event.seq } : frame));
}

/** An event that cannot be shown keeps its place. Pure. */
export function unreadableFrame({ seq, code }: UnreadableEvent, at: number): Frame {
  const data = { status: "unreadable", code, message: "An event of this session cannot be shown." };
  return { type: "status", data, timestamp: new Date(at).toISOString(), time_offset: null, seq };
}

function framesOf(event: SessionEvent, data: Record<string, unknown>, listener: Listener): Frame[] {
  const { type, source } = event;
  const one = (as: FrameType, of: Record<string, unknown>): Frame[] => [frameOf(event, as, of)];
  if (source === "worker" && type === "turn_ended") return endFrames(event, data, listener);
  if (source !== "push" && UNTOLD.includes(type)) return [];
  const same = SAME.find((it) => it === type);
  if (same !== undefined) return one(same, data);
  switch (type) {
    case "thinking":
      return one("thinking", "thinking" in data ? data : { ...data, thinking: data["text"] });
    case "error":
      return errorFrames(event, data);
    case "permission_request":
      return one("input_required", questionOf(data));
    default:
      return one("status", { ...data, status: type });
  }
}

/**
 * Clients stop to read at an `error` frame. One that ends the turn is told with the turn's end, when that is in the log; all others are a status.
 */
function errorFrames(event: SessionEvent, data: Record<string, unknown>): Frame[] {
  if (event.source === "worker" && data["recoverable"] !== true) return [];
  return [frameOf(event, "status", { ...data, status: "error" })];
}

/** A permission request as a question that these clients can show and answer. */
function questionOf(data: Record<string, unknown>): Record<string, unknown> {
  const { request_id: id, tool_name: tool } = data;
  const title = data["question"] ?? data["title"] ?? `Allow ${typeof tool === "string" ? tool : "this"}?`;
  return { ...data, input_id: id, question: title, category: "permission", options: ["Allow", "Deny"] };
}

function frameOf(event: SessionEvent, type: FrameType, data: Record<string, unknown>): Frame {
  const { time_offset: offset } = data;
  return {
    type,
    data,
    timestamp: event.timestamp,
    time_offset: typeof offset === "number" ? offset : null,
  };
}
