import { mayBePushed } from "../../../shared/session-log/event/kinds.ts";
import { isPatch } from "./json-patch.ts";
import { camel, isObject, textOf } from "./loose.ts";
import type { Names } from "./names.ts";
import { ownId } from "./own-id.ts";
import { snapshotWords } from "./pushed-snapshot.ts";
import type { RunEnd } from "./sequence.ts";
import type { Unplaced } from "./turn-words.ts";

/** What an agent outside says by one event: of messages and the like, or of its runs. */
export type PushedWords =
  | { kind: "events"; events: Unplaced[] }
  | { kind: "begin"; run: string }
  | { kind: "end"; how: RunEnd };

/** Types of AG-UI: an event of one of them that has another form than theirs is shown raw. */
const OF_AGUI =
  /^(?:TEXT_MESSAGE|TOOL_CALL|STATE|MESSAGES|ACTIVITY|RUN|STEP|REASONING|THINKING|SUBAGENT)_|^(?:RAW|META|CUSTOM)$/;

/** Reads a pushed event, whatever the case of its members' names, with or without nulls. Pure, but for the names that are given. */
export function pushedWords(
  { type, data, seq }: { type: string; data: unknown; seq: number },
  names: Names,
): PushedWords {
  if (!OF_AGUI.test(type)) return { kind: "events", events: plain(type, data, seq) };
  const it = camel(data);
  switch (type) {
    case "RUN_STARTED":
      return { kind: "begin", run: textIn(it, "runId") ?? ownId(seq, "run") };
    case "RUN_FINISHED":
      return { kind: "end", how: { type, ...(it["result"] === undefined ? {} : { result: it["result"] }) } };
    case "RUN_ERROR": {
      const code = textIn(it, "code");
      const message = textIn(it, "message") ?? "the run failed";
      return { kind: "end", how: { type, message, ...(code === undefined ? {} : { code }) } };
    }
    case "MESSAGES_SNAPSHOT":
      return {
        kind: "events",
        events: snapshotWords(
          it["messages"],
          (of, whole) => wordsOf(of, whole, names, seq) ?? [],
          names,
          seq,
        ),
      };
    default:
      return {
        kind: "events",
        events: wordsOf(type, it, names, seq) ?? [{ type: "RAW", event: { type, ...it }, source: "push" }],
      };
  }
}

/** The events; undefined for what has not the form that its type demands. */
function wordsOf(
  type: string,
  it: Record<string, unknown>,
  names: Names,
  seq: number,
): Unplaced[] | undefined {
  const [message, call] = [textIn(it, "messageId"), textIn(it, "toolCallId")];
  const said = { type, it, names, seq };
  if (type.startsWith("TEXT_MESSAGE_")) return message === undefined ? undefined : ofText(message, said);
  if (type.startsWith("REASONING_")) return message === undefined ? undefined : ofThoughts(message, said);
  if (type.startsWith("TOOL_CALL_")) return call === undefined ? undefined : ofCall(call, said);
  return ofRest(said);
}

type Said = { type: string; it: Record<string, unknown>; names: Names; seq: number };

function ofText(message: string, { type, it, names, seq }: Said): Unplaced[] {
  // an agent does not speak for people
  const role = it["role"] === "system" || it["role"] === "developer" ? it["role"] : "assistant";
  const messageId = names.of("text", message, seq, role);
  const start = { type: "TEXT_MESSAGE_START", messageId, role } as const;
  if (type === "TEXT_MESSAGE_START") return [start];
  if (type === "TEXT_MESSAGE_END") return [{ type, messageId }];
  const delta = textIn(it, "delta") ?? "";
  const begin = type === "TEXT_MESSAGE_CHUNK" ? [start] : [];
  return [...begin, { type: "TEXT_MESSAGE_CONTENT", messageId, delta }];
}

function ofThoughts(message: string, { type, it, names, seq }: Said): Unplaced[] | undefined {
  if (type === "REASONING_ENCRYPTED_VALUE") return undefined;
  const messageId = names.of("reasoning", message, seq);
  const start = { type: "REASONING_MESSAGE_START", messageId, role: "reasoning" } as const;
  if (type === start.type) return [start];
  if (type === "REASONING_START" || type === "REASONING_END" || type === "REASONING_MESSAGE_END")
    return [{ type, messageId }];
  return [start, { type: "REASONING_MESSAGE_CONTENT", messageId, delta: textIn(it, "delta") ?? "" }];
}

function ofCall(call: string, { type, it, names, seq }: Said): Unplaced[] {
  const toolCallId = names.of("call", call, seq);
  const args = { type: "TOOL_CALL_ARGS", toolCallId, delta: textIn(it, "delta") ?? "" } as const;
  switch (type) {
    case "TOOL_CALL_END":
      return [{ type, toolCallId }];
    case "TOOL_CALL_RESULT": {
      const messageId = names.fresh(textIn(it, "messageId") ?? `${call}-result`, seq);
      return [{ type, messageId, toolCallId, content: textOf(it["content"]), role: "tool" }];
    }
    case "TOOL_CALL_ARGS":
      return [args];
    default: {
      const parent = textIn(it, "parentMessageId");
      const start = callStart(toolCallId, textIn(it, "toolCallName") ?? "unknown", parent, names, seq);
      return type === "TOOL_CALL_START" ? [start] : [start, args];
    }
  }
}

function ofRest({ type, it, names, seq }: Said): Unplaced[] | undefined {
  switch (type) {
    case "STEP_STARTED":
    case "STEP_FINISHED": {
      const stepName = textIn(it, "stepName");
      return stepName === undefined ? undefined : [{ type, stepName }];
    }
    case "STATE_SNAPSHOT":
      return it["snapshot"] === undefined ? undefined : [{ type, snapshot: it["snapshot"] }];
    case "STATE_DELTA":
      return isPatch(it["delta"]) ? [{ type, delta: it["delta"] }] : undefined;
    case "ACTIVITY_SNAPSHOT": {
      const { content } = it;
      const [message, activityType] = [textIn(it, "messageId"), textIn(it, "activityType")];
      if (message === undefined || activityType === undefined || !isObject(content)) return undefined;
      return [{ type, messageId: names.of("activity", message, seq), activityType, content, replace: true }];
    }
    case "CUSTOM": {
      // names by which we speak ourselves are ours: no agent outside asks for a permission by one
      const name = textIn(it, "name");
      return name === undefined || !isTheirs(name) ? undefined : [{ type, name, value: it["value"] ?? {} }];
    }
    default:
      return undefined;
  }
}

/** A member that is a text and not empty. */
function textIn(it: Record<string, unknown>, name: string): string | undefined {
  const value = it[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function callStart(
  toolCallId: string,
  toolCallName: string,
  parent: string | undefined,
  names: Names,
  seq: number,
): Unplaced {
  const parentMessageId = parent === undefined ? undefined : names.assistant(parent, seq);
  return {
    type: "TOOL_CALL_START",
    toolCallId,
    toolCallName,
    ...(parentMessageId === undefined ? {} : { parentMessageId }),
  };
}

/** What has no type of AG-UI: messages of pods by the names that they have there, and anything else by its own. */
function plain(type: string, data: unknown, seq: number): Unplaced[] {
  const it = isObject(data) ? data : {};
  const messageId = ownId(seq);
  switch (type) {
    case "assistant":
    case "system": {
      const delta = textOf(data);
      const start = { type: "TEXT_MESSAGE_START", messageId, role: type } as const;
      const content = { type: "TEXT_MESSAGE_CONTENT", messageId, delta } as const;
      return delta === "" ? [] : [start, content, { type: "TEXT_MESSAGE_END", messageId }];
    }
    case "tool_use": {
      const toolCallId = ownId(seq, textOf(it["tool_call_id"]));
      return [
        { type: "TOOL_CALL_START", toolCallId, toolCallName: textOf(it["tool"]) },
        { type: "TOOL_CALL_ARGS", toolCallId, delta: JSON.stringify(it["input"] ?? {}) },
        { type: "TOOL_CALL_END", toolCallId },
      ];
    }
    default:
      return [{ type: "CUSTOM", name: type, value: data }];
  }
}

/** Is this a name that agents outside may use? Those of our own events are not. Pure. */
function isTheirs(name: string): boolean {
  return !/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(name) || mayBePushed(name);
}
