import { parseJsonWithin, type JsonLimits } from "../../../shared/base/json-scan.ts";
import { EVENT_DATA } from "../../../shared/session-log/event/session-event.ts";
import { parseCursor, type Cursor } from "../../../shared/session-log/follow/cursor.ts";

/** What a client wants. */
export type Command =
  | { kind: "execute"; turn: string | undefined; request: TurnRequest }
  /** `input`: the question's id. */
  | { kind: "answer"; input: string; response: string }
  /** What the web interface sends for a question that is about leave alone. */
  | { kind: "approval"; request: string; allow: boolean }
  | { kind: "cancel"; reason: string }
  /** Ours: from here on the log is told again. */
  | { kind: "resume"; after: Cursor }
  | { kind: "ping" }
  /** A frame that cannot be carried out. `ends`: the client asked for a turn, and waits for its end. */
  | { kind: "wrong"; message: string; ends: boolean };

/** A turn as it goes into the log. */
export type TurnRequest = {
  user_input: string;
  force_complex: boolean;
  metadata: Record<string, unknown>;
};

/** Limits for a frame. The turn that it asks for is an event, and must be one that can be shown. */
export const FRAME_JSON: JsonLimits & { bytes: number } = { ...EVENT_DATA, bytes: EVENT_DATA.bytes - 1024 };

/** The program cuts ids of turns there, instead of refusing them. */
const MAX_TURN_ID = 128;
const TURN_ID = /^[\x20-\x7e]+$/;

/** Reads a frame of a client. Pure. */
export function readCommand(bytes: Uint8Array): Command {
  const frame = parseJsonWithin(bytes, FRAME_JSON);
  if (frame === undefined) return wrong("Invalid JSON");
  if (!isRecord(frame)) return wrong("A frame is an object with a type");
  const data = isRecord(frame["data"]) ? frame["data"] : {};
  const { type = "" } = frame;
  switch (type) {
    case "execute":
      return executeOf(data, data["user_input"]);
    case "query":
      return executeOf(data, data["text"]);
    case "input_response":
      return {
        kind: "answer",
        input: textOf(data["input_id"]) || "default",
        response: textOf(data["response"]),
      };
    case "approval":
      return { kind: "approval", request: textOf(data["phase_id"]), allow: data["approved"] === true };
    case "cancel":
      return { kind: "cancel", reason: textOf(data["reason"]) || "User requested stop" };
    case "resume":
      return resumeOf(data["after"] ?? frame["after"]);
    case "ping":
      return { kind: "ping" };
    default:
      return wrong(`Unknown message type: ${textOf(type).slice(0, 100)}`);
  }
}

function executeOf(data: Record<string, unknown>, input: unknown): Command {
  const text = textOf(input);
  if (text.trim() === "") return wrong("Empty user_input", true);
  const turn = textOf(data["client_turn_id"]).trim().slice(0, MAX_TURN_ID);
  if (turn !== "" && !TURN_ID.test(turn)) return wrong("client_turn_id must be printable ASCII", true);
  const { metadata, force_complex: force } = data;
  return {
    kind: "execute",
    turn: turn === "" ? undefined : turn,
    request: {
      user_input: text,
      force_complex: force === true,
      metadata: isRecord(metadata) ? metadata : {},
    },
  };
}

function resumeOf(value: unknown): Command {
  const after = parseCursor(textOf(value));
  return after === undefined ? wrong("resume needs the seq of a frame as after") : { kind: "resume", after };
}

function wrong(message: string, ends = false): Command {
  return { kind: "wrong", message, ends };
}

/** Clients that are lax about types send numbers where texts belong. */
function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
