import { sessionPath, type SessionRef } from "./address.ts";
import { GatewayError } from "./error.ts";
import { isNotice, isPlace, type Notice, type SessionEvent } from "./event.ts";
import { repeatedly } from "./request.ts";
import { watch } from "./watch.ts";
import type { Wire } from "./wire.ts";

/** What a turn is asked with: the fields of `POST /sessions/{id}/turns`. */
export type TurnInput = {
  user_input: string;
  context?: Record<string, unknown>;
  /** An iteration is one answer of the model with its tools. */
  max_iterations?: number;
  /** Names the turn: asked for again, it does not run again. Made by the client if it is missing. */
  client_turn_id?: string;
  /** While another turn runs: `queue` (the default) waits behind it, `reject` refuses with `turn_running`. */
  when_busy?: "queue" | "reject";
};

export type CallOptions = { signal?: AbortSignal };

/** What a turn gives: its events, and a `gap` where retention removed some. */
export type TurnItem = SessionEvent | (Notice & { type: "gap" });

const OUTCOMES = ["finished", "failed", "cancelled", "interrupted"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** A turn as it ended. */
export type TurnResult = {
  turn_id: string;
  outcome: Outcome;
  /** Everything that the agent said, one text behind the other. */
  output: string;
  tool_calls: number;
  /** What the turn's end says besides its outcome, such as `message` of a failure. */
  data: Record<string, unknown>;
  /** Place of the turn's end. */
  cursor: string;
};

/** Longest output that is kept, characters. Use `execute` for more. */
const MAX_OUTPUT_CHARS: number = 16 * 1024 * 1024;

/** Asks for a turn, as often as needed: it is one turn, because it has one id. Returns its id and its place in the log. */
export async function submitTurn(
  wire: Wire,
  session: SessionRef,
  input: TurnInput,
  { signal }: CallOptions,
): Promise<{ turn_id: string; seq: number }> {
  const body = { ...input, client_turn_id: input.client_turn_id ?? randomId() };
  const path = sessionPath(session, ["turns"]);
  const answer = await repeatedly(wire, { method: "POST", path, body, signal });
  const { turn_id, seq } = answer.body;
  if (typeof turn_id !== "string" || !isPlace(seq))
    throw new GatewayError("bad_answer", "the answer names no turn", { status: answer.status });
  return { turn_id, seq };
}

/**
 * Runs a turn and yields its events, each once and in order, until its end, through any number of broken connections. To stop reading does not stop the turn: that is what `cancel` is for.
 */
export async function* executeTurn(
  wire: Wire,
  session: SessionRef,
  input: TurnInput,
  options: CallOptions,
): AsyncGenerator<TurnItem, void, undefined> {
  const { turn_id, seq } = await submitTurn(wire, session, input, options);
  for await (const item of watch(wire, session, { ...options, after: seq })) {
    if (isNotice(item)) {
      if (item.type === "gap") yield { ...item, type: "gap" };
      refuseEnd(item);
    } else if (item.turn_id === turn_id) {
      yield item;
      if (item.type === "turn_ended") return;
    }
  }
}

/** Throws if no end of a turn can come behind this notice. */
function refuseEnd({ type, data }: Notice): void {
  if (type === "reset")
    throw new GatewayError(
      "log_reset",
      "the log of sessions was replaced; it is not known what became of the turn",
    );
  if (type !== "closed") return;
  const { reason } = data;
  if (reason === "deleted") throw new GatewayError("session_deleted", "the session was deleted");
  if (reason === "auth") throw new GatewayError("auth_ended", "the credentials ended", { status: 401 });
  throw new GatewayError("stream_closed", "the server closed the stream");
}

/** Runs a turn and returns how it ended, with what the agent said. */
export async function runTurn(
  wire: Wire,
  session: SessionRef,
  input: TurnInput,
  options: CallOptions,
): Promise<TurnResult> {
  let output = "";
  let tool_calls = 0;
  for await (const item of executeTurn(wire, session, input, options)) {
    const { type, data } = item;
    if (type === "text" && typeof data["text"] === "string") output += data["text"];
    if (output.length > MAX_OUTPUT_CHARS)
      throw new GatewayError("answer_too_large", `the turn said more than ${MAX_OUTPUT_CHARS} characters`);
    if (type === "tool_call") tool_calls++;
    if (type !== "turn_ended" || isNotice(item)) continue;
    const { outcome, ...rest } = data;
    return {
      turn_id: item.turn_id ?? "",
      outcome: OUTCOMES.find((it) => it === outcome) ?? "failed",
      output,
      tool_calls,
      data: rest,
      cursor: item.cursor,
    };
  }
  throw new GatewayError("stream_closed", "the stream ended before the turn did");
}

/** 128 random bits. `crypto.randomUUID` is missing in pages that did not come by https. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
