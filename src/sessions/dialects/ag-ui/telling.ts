import { readSessionEvent, type SessionEvent } from "../../../shared/session-log/event/session-event.ts";
import type { StoredEvent } from "../../../shared/session-log/follow/stored-event.ts";
import { promptOf } from "../../core/prompt.ts";
import type { AguiEvent } from "./agui-event.ts";
import { camel, isObject, textOf } from "./loose.ts";
import { createNames, type Names } from "./names.ts";
import { isOwnForm, ownId } from "./own-id.ts";
import { pushedWords } from "./pushed-words.ts";
import { createSequence, type RunEnd, type Sequence } from "./sequence.ts";
import { createTurnWords, type TurnWords } from "./turn-words.ts";

/** Makes a valid sequence of AG-UI events out of what the log has of a session, from its start on. */
export type Telling = {
  take(stored: StoredEvent): AguiEvent[];
  /** Says what is no event of the log: that some are missing. */
  note(name: string, value: unknown, seq: number): AguiEvent[];
  /** Is a run under way? */
  isInRun(): boolean;
};

/** What a reader wants of it. */
export type Wanted =
  /** Everything. */
  | { kind: "all" }
  /** One turn, for the client that asked for it and has its own message already. */
  | { kind: "turn"; turn: string }
  /** What an agent outside says to the message that a client sent it. */
  | { kind: "answer"; run: string };

type User = { id: string; text: string };

/** Turns that wait for their start, or for the end of another one. A session has 16 of them at most. */
const MOST_WAITING = 64;

type State = {
  wanted: Wanted;
  sequence: Sequence;
  names: Names;
  words: TurnWords;
  /** What people asked for in turns that have not begun. */
  waiting: Map<string, User>;
  /** Turns that ended while another one ran, without having begun. */
  late: { turn: string; how: RunEnd }[];
};

export function createTelling(thread: string, wanted: Wanted = { kind: "all" }): Telling {
  const sequence = createSequence(thread);
  const state: State = {
    wanted,
    sequence,
    names: createNames(),
    words: createTurnWords(),
    waiting: new Map(),
    late: [],
  };
  return {
    take(stored) {
      const read = readSessionEvent(stored);
      if (!("event" in read)) {
        if (wanted.kind === "turn") return [];
        const { seq, code } = read;
        const unread = { type: "CUSTOM", name: "unreadable", value: { seq, code } } as const;
        return [...sequence.put(unread, seq), ...sequence.settle()];
      }
      const timestamp = Math.trunc(read.envelope.at); // a client takes whole numbers only
      return [...tell(state, read.event), ...sequence.settle()].map((event) => ({ ...event, timestamp }));
    },
    note(name, value, seq) {
      return [...sequence.put({ type: "CUSTOM", name, value }, seq), ...sequence.settle()];
    },
    isInRun: () => sequence.run() !== undefined,
  };
}

function tell(state: State, event: SessionEvent): AguiEvent[] {
  const { wanted } = state;
  if (wanted.kind === "turn" && event.turn_id !== wanted.turn) return [];
  switch (event.source) {
    case "user":
      return ofUser(state, event);
    case "worker":
      return ofWorker(state, event);
    case "push":
      return ofPush(state, event);
  }
}

function ofUser(state: State, { type, turn_id: turn, data: bytes, seq }: SessionEvent): AguiEvent[] {
  const { wanted, sequence, waiting } = state;
  const data = parsed(bytes);
  if (type === "created") return [];
  if (type !== "turn" || turn === undefined)
    return sequence.put({ type: "CUSTOM", name: type, value: data }, seq);
  const it = isObject(data) ? data : {};
  const named = it["message_id"];
  const id = typeof named === "string" && named !== "" ? theirs(named) : ownId(seq);
  if (waiting.size >= MOST_WAITING) waiting.delete(waiting.keys().next().value ?? "");
  waiting.set(turn, { id, text: textOf(it["user_input"]) });
  return wanted.kind === "turn" ? beginTurn(state, turn, seq) : [];
}

function ofWorker(state: State, { type, turn_id: turn, data: bytes, seq }: SessionEvent): AguiEvent[] {
  const { sequence, words } = state;
  if (type === "owner") return [];
  const data = parsed(bytes);
  const it = isObject(data) ? data : {};
  if (turn === undefined) return sequence.put({ type: "CUSTOM", name: type, value: data }, seq);
  if (type === "turn_ended") return endTurn(state, { turn, how: endOf(it) }, seq);
  const began = beginTurn(state, turn, seq);
  if (type === "turn_started") return began;
  return [...began, ...words.take(type, it, seq).flatMap((event) => sequence.put(event, seq))];
}

function beginTurn(
  { sequence, words, waiting, wanted, names }: State,
  turn: string,
  seq: number,
): AguiEvent[] {
  const run = sequence.run();
  if (run?.id === turn && run.kind === "turn") return [];
  words.reset();
  const user = waiting.get(turn);
  waiting.delete(turn);
  const began = sequence.begin(turn, "turn");
  const isSaid = user !== undefined && wanted.kind === "all";
  return isSaid ? [...began, ...userWords({ sequence, names }, user, seq)] : began;
}

function endTurn(state: State, { turn, how }: { turn: string; how: RunEnd }, seq: number): AguiEvent[] {
  const { sequence, words } = state;
  const other = sequence.run();
  if (other?.kind === "turn" && other.id !== turn && state.late.length < MOST_WAITING) {
    state.late.push({ turn, how });
    return [];
  }
  const ended = [...beginTurn(state, turn, seq), ...sequence.end(how, seq)];
  words.reset();
  const behind = state.late;
  state.late = [];
  return [...ended, ...behind.flatMap((it) => endTurn(state, it, seq))];
}

function ofPush(state: State, { type, data: bytes, seq }: SessionEvent): AguiEvent[] {
  const { wanted, sequence, names } = state;
  const data = parsed(bytes);
  if (type === "user") {
    if (wanted.kind === "answer") return sequence.begin(wanted.run, "pushed");
    return userWords(state, userOf(data, seq), seq);
  }
  const said = pushedWords({ type, data, seq }, names);
  if (said.kind === "events") return said.events.flatMap((event) => sequence.put(event, seq));
  // turns are begun and ended by their worker, whatever else says so
  if (sequence.run()?.kind === "turn")
    return sequence.put({ type: "RAW", event: { type, ...camel(data) }, source: "push" }, seq);
  return said.kind === "begin" ? sequence.begin(said.run, "pushed") : sequence.end(said.how, seq);
}

function userWords(
  { sequence, names }: Pick<State, "sequence" | "names">,
  { id, text }: User,
  seq: number,
): AguiEvent[] {
  const messageId = isOwnForm(id) ? id : names.fresh(id, seq, "user");
  const start = { type: "TEXT_MESSAGE_START", messageId, role: "user" } as const;
  const content = { type: "TEXT_MESSAGE_CONTENT", messageId, delta: text } as const;
  const end = { type: "TEXT_MESSAGE_END", messageId } as const;
  return [start, content, end].flatMap((event) => sequence.put(event, seq));
}

/** An id of a client's own, which is none of ours. */
function theirs(id: string): string {
  return isOwnForm(id) ? `x_${id}` : id;
}

/** What a person wrote to an agent outside: a text, or the input of a run. */
function userOf(data: unknown, seq: number): User {
  const text = promptOf(typeof data === "string" ? data : JSON.stringify(data));
  const messages: unknown = isObject(data) ? data["messages"] : undefined;
  const last: unknown = Array.isArray(messages)
    ? messages.findLast((it) => isObject(it) && it["role"] === "user")
    : undefined;
  const id =
    isObject(last) && typeof last["id"] === "string" && last["id"] !== "" ? theirs(last["id"]) : ownId(seq);
  return { id, text };
}

/** How a turn ended, as its run's end. Pure. */
function endOf(data: Record<string, unknown>): RunEnd {
  const { outcome, ...result } = data;
  const given = Object.keys(result).length === 0 ? {} : { result };
  if (outcome === "finished") return { type: "RUN_FINISHED", ...given };
  if (outcome === "cancelled") return { type: "RUN_FINISHED", ...given, outcome: { type: "cancelled" } };
  const how = outcome === "interrupted" ? outcome : "failed";
  const { message, code } = data;
  return {
    type: "RUN_ERROR",
    message: typeof message === "string" ? message : `the turn ${how === "failed" ? how : `was ${how}`}`,
    code: typeof code === "string" ? code : how,
  };
}

/** The data of an event, which were checked when it was read. */
function parsed(data: Uint8Array): unknown {
  return JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.length).toString("utf8"));
}
