import * as fc from "fast-check";
import type { Sent } from "../../src/sessions/stream/follow.ts";
import { encodeSessionEnvelope } from "../../src/shared/session-log/event/session-envelope.ts";
import type { Source } from "../../src/shared/session-log/event/kinds.ts";
import { inSubject, outSubject } from "../../src/shared/session-log/subjects.ts";

/** Name of the log of these histories. */
export const LOG = "l1";
const AT = Date.parse("2026-11-30T15:00:00.000Z");

/** An event of a session, without its place. */
export type Happened = { source: Source; kind: string; turn?: string; data: unknown };

/** Events as a stream has them. Their places have gaps, because other sessions have the others. */
export function inLog(
  events: readonly Happened[],
  placeOf = (index: number): number => 10 + index * 3,
): Sent[] {
  return events.map(({ source, kind, turn, data }, index) => {
    const seq = placeOf(index);
    const envelope = {
      id: `e${seq}`,
      source,
      kind,
      session: "s1",
      at: AT + index,
      body: Buffer.from(JSON.stringify(data)),
      ...(turn === undefined ? {} : { turn }),
      ...(source === "worker" ? { epoch: 1, n: index + 1 } : {}),
    };
    const subject =
      source === "worker"
        ? outSubject("name", kind)
        : inSubject("name", source === "push" ? "push" : (CLIENT_KINDS[kind] ?? kind), `k${seq}`);
    return { kind: "event", event: { seq, subject, data: encodeSessionEnvelope(envelope) }, log: LOG };
  });
}

/** How kinds of subjects are called in events. */
const CLIENT_KINDS: Record<string, "turn" | "decision" | "changed" | "input"> = {
  turn: "turn",
  decision: "decision",
  session_changed: "changed",
  input_response: "input",
};

export const pushed = (kind: string, data: unknown): Happened => ({ source: "push", kind, data });

/** What may happen next, as a number that chooses and another one that varies it. */
type Step = { what: number; how: number; words: string };

const WORDS = fc.constantFrom("Hi", " there", "a\r\nb", "ü\u2028", '"q"', "", "{}");

/** Histories of turns with what agents outside push in between, in any order that the log can have. */
export const histories: fc.Arbitrary<Happened[]> = fc
  .array(fc.record({ what: fc.nat(29), how: fc.nat(11), words: WORDS }), { maxLength: 24, size: "max" })
  .map(played);

function played(steps: readonly Step[]): Happened[] {
  const story = createStory();
  for (const step of steps) story.play(step);
  return story.events;
}

function createStory(): { events: Happened[]; play(step: Step): void } {
  const events: Happened[] = [];
  const waiting: string[] = [];
  let running: string | undefined;
  let asked = 0;
  const by = (source: Source, kind: string, data: unknown, turn?: string): void =>
    void events.push({ source, kind, data, ...(turn === undefined ? {} : { turn }) });

  function ask({ how, words }: Step): void {
    const turn = `t${asked++}`;
    waiting.push(turn);
    const named = how < 4 ? {} : { message_id: `u${how % 3}` };
    by("user", "turn", { user_input: `${words}!`, ...named }, turn);
  }

  function start(step: Step): void {
    if (running !== undefined) return end(step);
    if (waiting.length === 0) ask(step);
    running = waiting.shift();
    by("worker", "turn_started", {}, running);
  }

  function end({ how }: Step): void {
    const outcome = ["finished", "failed", "cancelled", "interrupted"][how % 4];
    by("worker", "turn_ended", how < 6 ? { outcome } : { outcome, message: "m", result_text: "r" }, running);
    running = undefined;
  }

  function work({ what, how, words }: Step): void {
    const id = `c${how % 3}`;
    const said: [string, unknown][] = [
      ["text", { text: words, block: String(how % 2) }],
      ["text", { text: words, block: "0" }],
      ["thinking", { text: words, block: String(how % 2) }],
      ["tool_call", { id, name: "Bash", input: { command: words } }],
      ["tool_result", { tool_use_id: id, content: words, is_error: false }],
      ["tool_result", { tool_use_id: "c0", content: words, is_error: false }],
      ["iteration_end", { stop_reason: null }],
      ["permission_request", { request_id: `q${how}`, toolName: "Bash" }],
      ["status", { state: words }],
      ["error", { code: "X", message: words, recoverable: true }],
    ];
    const [kind, data] = said[what % said.length] ?? ["status", {}];
    by("worker", kind, data, running);
  }

  function other(step: Step): void {
    const { how, words } = step;
    switch (how % 5) {
      case 0:
        return by("user", "session_changed", { metadata: { words } });
      case 1:
        return by("worker", "owner", { epoch: 1 });
      case 2:
        return by("user", "decision", { allow: true });
      case 3: {
        const turn = waiting.pop(); // it was cancelled before it began
        return turn === undefined ? undefined : by("worker", "turn_ended", { outcome: "cancelled" }, turn);
      }
      default:
        return by("user", "input_response", { response: words });
    }
  }

  return {
    events,
    play(step) {
      const { what } = step;
      if (what === 0) ask(step);
      else if (what < 4) start(step);
      else if (what < 14)
        if (running === undefined) start(step);
        else work(step);
      else if (what < 16) other(step);
      else events.push(...pushes(step));
    },
  };
}

/** What agents outside push, as the runner of pods writes it and as carelessly as they like. */
function pushes({ what, how, words }: Step): Happened[] {
  const id = ["m1", "m2", "rr_13", "u0"][how % 4];
  const call = ["k1", "k2", "m1"][how % 3];
  const nulls = { timestamp: null, raw_event: null };
  const made: Happened[] = [
    pushed("RUN_STARTED", {
      type: "RUN_STARTED",
      thread_id: "s",
      run_id: `r${how % 3}`,
      parent_run_id: null,
    }),
    pushed("RUN_FINISHED", { thread_id: "s", run_id: "r1", result: null, ...nulls }),
    pushed("RUN_ERROR", { message: "boom", code: how < 5 ? null : "E" }),
    pushed("TEXT_MESSAGE_START", { message_id: id, role: how % 2 === 0 ? "assistant" : "user", ...nulls }),
    pushed("TEXT_MESSAGE_CONTENT", { messageId: id, delta: words }),
    pushed("TEXT_MESSAGE_END", { message_id: id }),
    pushed("TOOL_CALL_START", { toolCallId: call, toolCallName: `T${how}`, parentMessageId: id }),
    pushed("TOOL_CALL_ARGS", { tool_call_id: call, delta: words }),
    pushed("TOOL_CALL_END", { tool_call_id: call }),
    pushed("TOOL_CALL_RESULT", {
      message_id: `${call}-result`,
      tool_call_id: call,
      content: words,
      role: "tool",
    }),
    pushed("REASONING_MESSAGE_CHUNK", { messageId: id, delta: words }),
    pushed("STATE_DELTA", { delta: [{ op: "add", path: `/k${how}`, value: words }] }),
    pushed("STATE_SNAPSHOT", { snapshot: { base: how } }),
    pushed("STEP_STARTED", { step_name: `s${how % 2}` }),
    pushed("STEP_FINISHED", { step_name: `s${how % 2}` }),
    pushed("ACTIVITY_SNAPSHOT", { messageId: id, activityType: "plan", content: { how } }),
    pushed("CUSTOM", { name: how < 6 ? "task:started" : "permission_request", value: { how } }),
    pushed("MESSAGES_SNAPSHOT", {
      messages: [
        { id: "m9", role: "assistant", content: words, name: null, tool_calls: null },
        {
          id,
          role: "assistant",
          content: null,
          tool_calls: [{ id: call, type: "function", function: { name: "T", arguments: "{}" } }],
        },
        { id: "x1", role: "tool", content: words, tool_call_id: call },
        { id: "u9", role: "user", content: "not theirs to say" },
      ],
    }),
    pushed("assistant", words),
    pushed("tool_use", { tool: "Bash", tool_call_id: call, input: { words } }),
    pushed(
      "user",
      how < 6 ? words : { threadId: "s", runId: "r", messages: [{ id: "u1", role: "user", content: words }] },
    ),
    pushed("note", { words }),
    pushed("SUBAGENT_STARTED", { subagentRunId: null }),
    pushed("TEXT_MESSAGE_CONTENT", "no object"),
  ];
  const first = made[(what * 7 + how) % made.length];
  return first === undefined ? [] : [first];
}
