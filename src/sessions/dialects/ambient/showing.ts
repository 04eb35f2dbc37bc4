import { readSessionEvent, type SessionEvent } from "../../../shared/session-log/event/session-event.ts";
import type { StoredEvent } from "../../../shared/session-log/follow/stored-event.ts";
import type { Sent } from "../../stream/follow.ts";
import { messageId, type Message } from "./message.ts";
import { payloadOf } from "./payload.ts";
import { createSpoken } from "./spoken.ts";

/** Makes the messages of one watcher out of what the log has. */
export type Showing = {
  /** The messages that are whole with this, in their order. */
  take(item: Sent): Message[];
};

/** Characters of a tool's result that are shown. */
const RESULT_CHARS = 2000;

/** What ends a text of an agent. */
const ENDS_TEXT = [
  "owner",
  "turn_started",
  "turn_ended",
  "iteration_end",
  "permission_request",
  "input_required",
];

/**
 * What a watcher gets: messages that were pushed, and of a worker's turns what was asked, said, done with tools, and failed. A message never tells of events behind its own place, nor
 * leaves any before it out: so a watcher that comes back at one gets the same messages again. What was removed is a message `gap`.
 */
export function createShowing(session: string): Showing {
  const told = createTelling(session);
  let gap: { from: number; to: number } | undefined;

  function takeGap(log: string): Message[] {
    if (gap === undefined) return [];
    const { from, to } = gap;
    gap = undefined;
    return [gapMessage(session, from, JSON.stringify({ from, to }), log)];
  }

  return {
    take(item) {
      const { log } = item;
      switch (item.kind) {
        case "event": {
          // what lies where the gap begins is kept: the gap is behind it
          if (gap?.from === item.event.seq)
            gap = gap.from < gap.to ? { ...gap, from: gap.from + 1 } : undefined;
          else if (gap !== undefined) return [...takeGap(log), ...told.take(item.event, log)];
          return told.take(item.event, log);
        }
        case "gap": {
          const before = [...told.rest(log), ...takeGap(log)];
          gap = { from: item.from, to: item.to };
          return before;
        }
        case "caught_up":
          return takeGap(log);
        case "reset": {
          told.rest(log); // of the other log
          gap = undefined;
          return [gapMessage(session, 0, '{"reset":true}', log)];
        }
      }
    },
  };
}

type Telling = {
  take(stored: StoredEvent, log: string): Message[];
  /** The text that is not whole yet, as it is. */
  rest(log: string): Message[];
};

/** Makes messages of events. */
function createTelling(session: string): Telling {
  const spoken = createSpoken();

  function rest(log: string): Message[] {
    const text = spoken.take();
    if (text === undefined) return [];
    const { seq, at, words: payload } = text;
    return [{ id: messageId(seq, log), session, seq, type: "assistant", payload, at }];
  }

  function hear(event: SessionEvent, at: number, log: string): Message[] {
    const { text: words, block } = objectOf(event);
    if (typeof words !== "string") return [];
    const piece = { words, block, seq: event.seq, at };
    if (spoken.add(piece)) return [];
    const whole = rest(log);
    spoken.add(piece);
    return whole;
  }

  return {
    rest,
    take(stored, log) {
      const read = readSessionEvent(stored);
      if (!("event" in read)) return [];
      const { event, envelope } = read;
      const { at } = envelope;
      if (event.source === "worker" && event.type === "text") return hear(event, at, log);
      const shown = shownAs(event);
      if (shown === undefined) return ENDS_TEXT.includes(event.type) ? rest(log) : [];
      const { seq } = event;
      return [...rest(log), { id: messageId(seq, log), session, seq, at, ...shown }];
    },
  };
}

/** Nothing else has its place: what did was removed. */
function gapMessage(session: string, seq: number, payload: string, log: string): Message {
  return { id: `gap.${messageId(seq, log)}`, session, seq, type: "gap", payload, at: undefined };
}

/** The message that an event is; undefined for those that are not shown. Pure. */
function shownAs(event: SessionEvent): { type: string; payload: string } | undefined {
  const { source, type } = event;
  if (source === "push") return { type, payload: payloadOf(event.data) };
  const data = objectOf(event);
  const textOf = (value: unknown): string =>
    typeof value === "string" ? value : JSON.stringify(value ?? null);
  if (source === "user")
    return type === "turn" ? { type: "user", payload: textOf(data["user_input"]) } : undefined;
  switch (type) {
    case "tool_call": {
      const { name, id, input } = data;
      return { type: "tool_use", payload: JSON.stringify({ tool: name, tool_call_id: id, input }) };
    }
    case "tool_result": {
      const { tool_use_id: id, content } = data;
      const result = textOf(content).slice(0, RESULT_CHARS);
      return { type, payload: JSON.stringify({ tool_call_id: id, result }) };
    }
    case "error":
      return { type, payload: textOf(data["message"] ?? data) };
    default:
      return undefined;
  }
}

function objectOf({ data }: SessionEvent): Record<string, unknown> {
  const value: unknown = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.length).toString("utf8"));
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
