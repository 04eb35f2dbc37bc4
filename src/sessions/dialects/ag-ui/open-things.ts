import { createBoundedMap, type BoundedMap } from "../../../shared/base/bounded-map.ts";
import type { AguiEvent, MessageEvent, RunEvent } from "./agui-event.ts";

/** What has begun in a run and has not ended: messages, calls, thoughts and steps. */
export type OpenThings = {
  texts: Set<string>;
  calls: Set<string>;
  thoughts: Set<string>;
  thinking: Set<string>;
  steps: Set<string>;
  /** The first name of each call: a client would rename one that begins again under another. */
  callNames: BoundedMap<string>;
};

/** Most that is open at once: each is remembered for each reader. An agent that begins more and ends nothing has all of it ended; what goes on then begins again. */
const MOST_OPEN = 500;
/** Calls whose names are remembered, should more arguments come for one that has ended. */
const REMEMBERED = 10_000;

export function noOpenThings(): OpenThings {
  const none = (): Set<string> => new Set();
  return {
    texts: none(),
    calls: none(),
    thoughts: none(),
    thinking: none(),
    steps: none(),
    callNames: createBoundedMap(REMEMBERED),
  };
}

export function countOpen({ texts, calls, thoughts, thinking, steps }: OpenThings): number {
  return texts.size + calls.size + thoughts.size + thinking.size + steps.size;
}

/** Ends everything that is open. */
export function closeAll(things: OpenThings): AguiEvent[] {
  const { texts, calls, thoughts, thinking, steps } = things;
  const events: AguiEvent[] = [
    ...[...texts].map((messageId) => ({ type: "TEXT_MESSAGE_END", messageId }) as const),
    ...[...calls].map((toolCallId) => ({ type: "TOOL_CALL_END", toolCallId }) as const),
    ...[...thoughts].map((messageId) => ({ type: "REASONING_MESSAGE_END", messageId }) as const),
    ...[...thinking].map((messageId) => ({ type: "REASONING_END", messageId }) as const),
    ...[...steps].map((stepName) => ({ type: "STEP_FINISHED", stepName }) as const),
  ];
  for (const ids of [texts, calls, thoughts, thinking, steps]) ids.clear();
  return events;
}

/** The events that are to be sent for one: with the beginning of what it continues, and nothing for what is begun or ended twice. */
export function placed(things: OpenThings, event: Exclude<AguiEvent, RunEvent>): AguiEvent[] {
  const ends = countOpen(things) >= MOST_OPEN ? closeAll(things) : [];
  return [...ends, ...continued(things, event)];
}

function continued(things: OpenThings, event: Exclude<AguiEvent, RunEvent>): AguiEvent[] {
  if ("delta" in event && event.delta === "") return []; // Python's client refuses it
  switch (event.type) {
    case "TEXT_MESSAGE_START":
    case "TEXT_MESSAGE_CONTENT":
    case "TEXT_MESSAGE_END":
      return placedText(things, event);
    case "TOOL_CALL_START":
    case "TOOL_CALL_ARGS":
    case "TOOL_CALL_END":
      return placedCall(things, event);
    case "REASONING_START":
    case "REASONING_END":
      return within(things.thinking, event.messageId, event);
    case "REASONING_MESSAGE_START":
    case "REASONING_MESSAGE_CONTENT":
    case "REASONING_MESSAGE_END":
      return placedThought(things, event);
    case "STEP_STARTED":
    case "STEP_FINISHED":
      return within(things.steps, event.stepName, event);
    case "TOOL_CALL_RESULT":
    case "ACTIVITY_SNAPSHOT":
    case "STATE_SNAPSHOT":
    case "STATE_DELTA":
    case "MESSAGES_SNAPSHOT":
    case "CUSTOM":
    case "RAW":
      return [event];
  }
}

type TextEvent = MessageEvent & { type: `TEXT_MESSAGE_${string}` };
type CallEvent = Exclude<MessageEvent & { type: `TOOL_CALL_${string}` }, { type: "TOOL_CALL_RESULT" }>;
type ThoughtEvent = MessageEvent & { type: `REASONING_MESSAGE_${string}` };

/** A beginning or an end of something; nothing if it has begun, or is not there. */
function within(open: Set<string>, id: string, event: AguiEvent): AguiEvent[] {
  const begins = /_START(?:ED)?$/.test(event.type);
  if (begins === open.has(id)) return [];
  if (begins) open.add(id);
  else open.delete(id);
  return [event];
}

function placedText({ texts }: OpenThings, event: TextEvent): AguiEvent[] {
  const { messageId } = event;
  if (event.type !== "TEXT_MESSAGE_CONTENT") return within(texts, messageId, event);
  return [...within(texts, messageId, { type: "TEXT_MESSAGE_START", messageId, role: "assistant" }), event];
}

function placedThought({ thoughts }: OpenThings, event: ThoughtEvent): AguiEvent[] {
  const { messageId } = event;
  if (event.type !== "REASONING_MESSAGE_CONTENT") return within(thoughts, messageId, event);
  const start = { type: "REASONING_MESSAGE_START", messageId, role: "reasoning" } as const;
  return [...within(thoughts, messageId, start), event];
}

function placedCall({ calls, callNames }: OpenThings, event: CallEvent): AguiEvent[] {
  const { toolCallId } = event;
  if (event.type === "TOOL_CALL_END") return within(calls, toolCallId, event);
  const given = event.type === "TOOL_CALL_START" ? event : { toolCallName: "unknown" };
  const toolCallName = callNames.get(toolCallId) ?? given.toolCallName;
  callNames.set(toolCallId, toolCallName);
  const begun = within(calls, toolCallId, { ...given, type: "TOOL_CALL_START", toolCallId, toolCallName });
  return event.type === "TOOL_CALL_START" ? begun : [...begun, event];
}
