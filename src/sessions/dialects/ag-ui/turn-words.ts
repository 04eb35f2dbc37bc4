import type { AguiEvent } from "./agui-event.ts";
import { ownId } from "./own-id.ts";

/** What a worker's agent says in its turns, as events of AG-UI. They are put into order by the sequence. */
export type TurnWords = {
  /** `data`: of the event. */
  take(type: string, data: Record<string, unknown>, seq: number): Unplaced[];
  /** A turn begins or ends, and what was said before is over. */
  reset(): void;
};

/** Everything but what begins and ends runs. */
export type Unplaced = Exclude<AguiEvent, { type: "RUN_STARTED" | "RUN_FINISHED" | "RUN_ERROR" }>;

type Kind = "text" | "thinking";

type Turn = {
  /** The text or thoughts that go on. */
  block: { of: Kind; block: unknown; id: string } | undefined;
  /** The message to which calls belong: the last text of this answer of the model. */
  parent: string | undefined;
  /** Our ids of calls, by the agent's. */
  calls: Map<string, string>;
};

/** Calls of one turn whose results may come. An agent that opens more at once has lost count of them. */
const MOST_CALLS = 1000;

export function createTurnWords(): TurnWords {
  let turn = newTurn();
  return {
    take: (type, data, seq) => wordsOf(turn, type, data, seq),
    reset: () => void (turn = newTurn()),
  };
}

function newTurn(): Turn {
  return { block: undefined, parent: undefined, calls: new Map() };
}

function wordsOf(turn: Turn, type: string, data: Record<string, unknown>, seq: number): Unplaced[] {
  switch (type) {
    case "text":
    case "thinking":
      return piece(turn, type, data, seq);
    case "tool_call":
      return call(turn, data, seq);
    case "tool_result":
      return result(turn, data, seq);
    case "iteration_end":
    case "permission_request":
    case "input_required":
      if (type === "iteration_end") turn.parent = undefined;
      return [...closed(turn), { type: "CUSTOM", name: type, value: data }];
    default:
      return [{ type: "CUSTOM", name: type, value: data }];
  }
}

/** Ends the text or thoughts that go on. */
function closed(turn: Turn): Unplaced[] {
  const { block } = turn;
  turn.block = undefined;
  if (block === undefined) return [];
  const { of, id: messageId } = block;
  if (of === "text") return [{ type: "TEXT_MESSAGE_END", messageId }];
  return [
    { type: "REASONING_MESSAGE_END", messageId },
    { type: "REASONING_END", messageId },
  ];
}

function piece(
  turn: Turn,
  of: Kind,
  { text: delta, block }: Record<string, unknown>,
  seq: number,
): Unplaced[] {
  if (typeof delta !== "string" || delta === "") return [];
  const goesOn = turn.block?.of === of && turn.block.block === block;
  const before = goesOn ? [] : closed(turn);
  turn.block ??= { of, block, id: ownId(seq) };
  const messageId = turn.block.id;
  if (of === "text") {
    turn.parent = messageId;
    const start = { type: "TEXT_MESSAGE_START", messageId, role: "assistant" } as const;
    return [...before, ...(goesOn ? [] : [start]), { type: "TEXT_MESSAGE_CONTENT", messageId, delta }];
  }
  const starts = [
    { type: "REASONING_START", messageId },
    { type: "REASONING_MESSAGE_START", messageId, role: "reasoning" },
  ] as const;
  return [...before, ...(goesOn ? [] : starts), { type: "REASONING_MESSAGE_CONTENT", messageId, delta }];
}

function call(turn: Turn, data: Record<string, unknown>, seq: number): Unplaced[] {
  const named = textOf(data["id"]);
  const toolCallId = ownId(seq, named);
  if (turn.calls.size >= MOST_CALLS) turn.calls = new Map();
  turn.calls.set(named, toolCallId);
  const parent = turn.parent === undefined ? {} : { parentMessageId: turn.parent };
  return [
    ...closed(turn),
    { type: "TOOL_CALL_START", toolCallId, toolCallName: textOf(data["name"] ?? "unknown"), ...parent },
    { type: "TOOL_CALL_ARGS", toolCallId, delta: JSON.stringify(data["input"] ?? data) },
    { type: "TOOL_CALL_END", toolCallId },
  ];
}

function result(turn: Turn, data: Record<string, unknown>, seq: number): Unplaced[] {
  const named = textOf(data["tool_use_id"]);
  const toolCallId = turn.calls.get(named) ?? named;
  const content = textOf(data["content"]);
  return [
    ...closed(turn),
    { type: "TOOL_CALL_RESULT", messageId: ownId(seq), toolCallId, content, role: "tool" },
  ];
}

/** A text as it is, and anything else as JSON. Pure. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? "");
}
