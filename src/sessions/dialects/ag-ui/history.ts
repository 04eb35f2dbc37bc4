import { isOfMessages, type AguiEvent, type AguiMessage, type MessageEvent } from "./agui-event.ts";
import { createMessages, type Messages } from "./messages.ts";

// A replay has three parts. The messages of runs that have ended are one snapshot; of such runs only that is sent which no snapshot holds. Of the run that is under way
// everything is sent, with the pieces of each message as one.

/** What lies in the log, in the least that a client needs of it. */
export type History = {
  /** `isNew`: it lies behind the client's cursor. */
  add(event: AguiEvent, isNew: boolean): void;
  /** The replay. `run`: the name of the run in which the snapshot is sent. */
  replay(threadId: string, run: string): AguiEvent[];
  /** About how many bytes it is as JSON. */
  bytes(): number;
};

type Started = AguiEvent & { type: "RUN_STARTED" };

type Run = {
  started: Started;
  kept: AguiEvent[];
  active: AguiEvent[];
  /** Places in `active` of the last event of each message, call or span of thoughts. */
  lastOf: Map<string, number>;
};

type Past = {
  messages: Messages;
  /** What is kept of runs that have ended. */
  kept: AguiEvent[];
  /** The agent's state: the last snapshot of it, and its changes since. */
  state: AguiEvent[];
  /** The run that is under way, what is kept of it should it end, and what is sent of it until then. */
  run: Run | undefined;
  /** Begun, and not ended. */
  open: Map<string, MessageEvent>;
  /** The messages that the snapshot has. */
  base: readonly AguiMessage[];
  /** A run has ended, or something was told of which a client keeps its own if no snapshot has it. So the snapshot has all up to there. */
  isBaseBehind: boolean;
  /** Of all but the messages. */
  bytes: number;
};

/** Bytes of a run's beginning and end. */
const RUN_BYTES = 120;

export function createHistory(): History {
  const past: Past = {
    messages: createMessages(),
    kept: [],
    state: [],
    run: undefined,
    open: new Map(),
    base: [],
    isBaseBehind: false,
    bytes: 0,
  };
  return {
    add: (event, isNew) => add(past, event, isNew),
    replay: (threadId, runId) => replay(past, { threadId, runId }),
    bytes: () => past.bytes + past.messages.bytes(),
  };
}

function add(past: Past, event: AguiEvent, isNew: boolean): void {
  if (isOfMessages(event)) return addMessage(past, event);
  switch (event.type) {
    case "RUN_STARTED":
      past.run = { started: event, kept: [], active: [], lastOf: new Map() };
      return undefined;
    case "RUN_FINISHED":
    case "RUN_ERROR":
      return end(past, event, isNew);
    case "STATE_SNAPSHOT":
      past.state = [event];
      past.bytes += size(event);
      return undefined;
    case "STATE_DELTA":
      if (past.state.length === 0) past.state.push({ type: "STATE_SNAPSHOT", snapshot: {} });
      past.state.push(event);
      past.bytes += size(event);
      return undefined;
    case "MESSAGES_SNAPSHOT": // nobody says one here: its messages are told one by one
      return undefined;
    case "STEP_STARTED":
    case "STEP_FINISHED": // they come in pairs, of which one may lie before the cursor
      return keep(past, event);
    case "CUSTOM":
    case "RAW":
      return isNew ? keep(past, event) : undefined;
  }
}

function keep(past: Past, event: AguiEvent): void {
  past.run?.kept.push(event);
  past.run?.active.push(event);
  past.bytes += size(event);
}

function addMessage(past: Past, event: MessageEvent): void {
  const clientKeeps = /^(?:REASONING|ACTIVITY)_/.test(event.type);
  if (past.isBaseBehind && !clientKeeps) moveBase(past);
  past.isBaseBehind ||= clientKeeps;
  past.messages.apply(event);
  const key = keyOf(event);
  if (event.type.endsWith("_START")) past.open.set(key, event);
  if (event.type.endsWith("_END")) past.open.delete(key);
  if (past.run !== undefined) merge(past.run, event);
}

function moveBase(past: Past): void {
  const { run } = past;
  past.isBaseBehind = false;
  past.base = past.messages.list();
  if (run === undefined) return;
  run.active = run.active.filter((it) => !isOfMessages(it));
  run.lastOf = new Map();
  for (const event of past.open.values()) push(run, event);
}

function end(past: Past, event: AguiEvent, isNew: boolean): void {
  const { run } = past;
  if (run === undefined) return;
  past.run = undefined;
  past.isBaseBehind = true;
  const isEmpty = run.kept.length === 0 && run.started.runId.startsWith("rr_between_");
  if (!isNew || isEmpty) return;
  past.kept.push(run.started, ...run.kept, event);
  past.bytes += RUN_BYTES + size(event);
}

function replay(past: Past, run: { threadId: string; runId: string }): AguiEvent[] {
  if (past.isBaseBehind) moveBase(past);
  return [
    { type: "RUN_STARTED", ...run },
    ...past.state,
    { type: "MESSAGES_SNAPSHOT", messages: past.base },
    { type: "RUN_FINISHED", ...run },
    ...past.kept,
    ...(past.run === undefined ? [] : [past.run.started, ...past.run.active]),
  ];
}

/** What an event is of: a message, a call, or a span of thoughts. */
function keyOf(event: MessageEvent): string {
  const of = event.type.replace(/_(?:START|CONTENT|ARGS|END|RESULT|SNAPSHOT)$/, "");
  return `${of} ${"toolCallId" in event ? event.toolCallId : event.messageId}`;
}

/** Adds an event to those of a run; a piece to the piece before it, if only events of other things came since. */
function merge(run: Run, event: MessageEvent): void {
  const at = run.lastOf.get(keyOf(event));
  const before = at === undefined ? undefined : run.active[at];
  const isPiece = before !== undefined && isOfMessages(before) && "delta" in before && "delta" in event;
  if (at !== undefined && isPiece && before.type === event.type)
    run.active[at] = { ...before, delta: before.delta + event.delta };
  else push(run, event);
}

function push(run: Run, event: MessageEvent): void {
  run.lastOf.set(keyOf(event), run.active.length);
  run.active.push(event);
}

function size(event: AguiEvent): number {
  return JSON.stringify(event).length;
}
