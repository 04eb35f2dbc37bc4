import { expect, test } from "vitest";
import { createTelling, type Wanted } from "../../../../../src/sessions/dialects/ag-ui/telling.ts";
import { inLog, pushed, type Happened } from "../../../../support/agui-histories.ts";

/** The events that come of these, without their times. */
function told(events: readonly Happened[], wanted?: Wanted): Record<string, unknown>[] {
  const telling = createTelling("s1", wanted);
  return inLog(events)
    .flatMap((it) => (it.kind === "event" ? telling.take(it.event) : []))
    .map((event) => ({ ...event, timestamp: undefined }));
}

/** The same in short: types, and what is said. */
const short = (events: readonly Happened[], wanted?: Wanted): string[] =>
  told(events, wanted).map(({ type, delta, content }) => [type, delta ?? content].filter(Boolean).join(" "));

const asked = (turn: string, text: string): Happened => ({
  source: "user",
  kind: "turn",
  turn,
  data: { user_input: text },
});
const said = (turn: string, kind: string, data: unknown = {}): Happened => ({
  source: "worker",
  kind,
  turn,
  data,
});

/** What the original runner sends in a run, as its stream has it. */
const RUNNER = [
  ["RUN_STARTED", { threadId: "s-1", runId: "r-1" }],
  ["TEXT_MESSAGE_START", { messageId: "m-1", role: "assistant" }],
  ["TEXT_MESSAGE_CONTENT", { messageId: "m-1", delta: "Hi" }],
  ["TEXT_MESSAGE_END", { messageId: "m-1" }],
  ["TOOL_CALL_START", { toolCallId: "t-1", toolCallName: "Bash", parentMessageId: "m-1" }],
  ["TOOL_CALL_ARGS", { toolCallId: "t-1", delta: '{"command":"ls"}' }],
  ["TOOL_CALL_END", { toolCallId: "t-1" }],
  ["TOOL_CALL_RESULT", { messageId: "t-1-result", toolCallId: "t-1", content: "a", role: "tool" }],
  ["MESSAGES_SNAPSHOT", { messages: [{ id: "m-1", role: "assistant", content: "Hi" }] }],
  ["CUSTOM", { name: "task:started", value: { task_id: "k" } }],
  ["RUN_ERROR", { message: "boom", code: "RUNNER_ERROR" }],
  ["RUN_FINISHED", { threadId: "s-1", runId: "r-1" }],
] as const;

const snake = (data: object): object =>
  Object.fromEntries(
    Object.entries({ ...data, raw_event: null, timestamp: null }).map(([name, value]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value as unknown,
    ]),
  );

test.each([
  ["its stream", (data: object): object => data],
  ["its pushes, with underscores and nulls", snake],
])(
  "what a runner says by %s comes as it is, but what was said before and what follows the end",
  (_of, form) => {
    const events = RUNNER.map(([type, data]) => pushed(type, { type, ...form(data) }));
    const expected = RUNNER.filter(([type]) => type !== "MESSAGES_SNAPSHOT" && type !== "RUN_FINISHED").map(
      ([type, data]) => ({ type, ...data, ...(type === "RUN_STARTED" ? { threadId: "s1" } : {}) }),
    );
    expect(told(events)).toEqual(expected);
  },
);

test("a turn is a run: the person's message, thoughts, texts, calls and the end", () => {
  const events = [
    asked("t1", "do"),
    said("t1", "turn_started"),
    said("t1", "thinking", { text: "hm", block: "0" }),
    said("t1", "text", { text: "He", block: "1" }),
    said("t1", "status", { state: "x" }),
    said("t1", "text", { text: "llo", block: "1" }),
    said("t1", "tool_call", { id: "c1", name: "Bash", input: { a: 1 } }),
    said("t1", "tool_result", { tool_use_id: "c1", content: "ok", is_error: false }),
    said("t1", "turn_ended", { outcome: "finished", result_text: "done" }),
  ];
  expect(short(events)).toEqual([
    "RUN_STARTED",
    "TEXT_MESSAGE_START",
    "TEXT_MESSAGE_CONTENT do",
    "TEXT_MESSAGE_END",
    "REASONING_START",
    "REASONING_MESSAGE_START",
    "REASONING_MESSAGE_CONTENT hm",
    "REASONING_MESSAGE_END",
    "REASONING_END",
    "TEXT_MESSAGE_START",
    "TEXT_MESSAGE_CONTENT He",
    "CUSTOM",
    "TEXT_MESSAGE_CONTENT llo",
    "TEXT_MESSAGE_END",
    "TOOL_CALL_START",
    'TOOL_CALL_ARGS {"a":1}',
    "TOOL_CALL_END",
    "TOOL_CALL_RESULT ok",
    "RUN_FINISHED",
  ]);
  expect(told(events).find(({ type }) => type === "TOOL_CALL_START")).toMatchObject({
    toolCallId: "rr_28_c1",
    parentMessageId: "rr_19",
  });
  expect(told(events).at(-1)).toEqual({
    type: "RUN_FINISHED",
    threadId: "s1",
    runId: "t1",
    result: { result_text: "done" },
  });
});

test.each([
  [{ outcome: "finished" }, { type: "RUN_FINISHED", threadId: "s1", runId: "t1" }],
  [
    { outcome: "cancelled" },
    { type: "RUN_FINISHED", threadId: "s1", runId: "t1", outcome: { type: "cancelled" } },
  ],
  [
    { outcome: "failed", code: "X", message: "m" },
    { type: "RUN_ERROR", message: "m", code: "X" },
  ],
  [{ outcome: "failed" }, { type: "RUN_ERROR", message: "the turn failed", code: "failed" }],
  [
    { outcome: "interrupted" },
    { type: "RUN_ERROR", message: "the turn was interrupted", code: "interrupted" },
  ],
])("a turn that ended with %j", (data, end) => {
  expect(told([asked("t1", "x"), said("t1", "turn_started"), said("t1", "turn_ended", data)]).at(-1)).toEqual(
    end,
  );
});

test("a turn that ends without having begun has its run behind the one that is under way", () => {
  const events = [
    asked("t1", "one"),
    said("t1", "turn_started"),
    asked("t2", "two"),
    said("t2", "turn_ended", { outcome: "cancelled" }),
    said("t1", "text", { text: "a", block: "0" }),
    said("t1", "turn_ended", { outcome: "finished" }),
  ];
  const runs = told(events).filter(({ type }) => String(type).startsWith("RUN_"));
  expect(runs.map(({ runId }) => runId)).toEqual(["t1", "t1", "t2", "t2"]);
});

test("a run that is told alone has neither the person's message nor what is not of it", () => {
  const events = [
    asked("t1", "one"),
    said("t1", "turn_started"),
    pushed("note", {}),
    asked("t2", "two"),
    said("t1", "text", { text: "a", block: "0" }),
    said("t1", "turn_ended", { outcome: "finished" }),
    said("t2", "turn_started"),
  ];
  expect(short(events, { kind: "turn", turn: "t1" })).toEqual([
    "RUN_STARTED",
    "TEXT_MESSAGE_START",
    "TEXT_MESSAGE_CONTENT a",
    "TEXT_MESSAGE_END",
    "RUN_FINISHED",
  ]);
});

test.each([
  ["a name of ours", "CUSTOM", { name: "permission_request", value: 1 }],
  ["a name of ours in capitals", "CUSTOM", { name: "GAP", value: 1 }],
  ["no id", "TEXT_MESSAGE_CONTENT", { delta: "x" }],
  ["no list", "STATE_DELTA", { delta: {} }],
  ["an activity's change", "ACTIVITY_DELTA", { messageId: "a", activityType: "b", patch: [] }],
  ["an older type", "THINKING_START", {}],
  ["no object", "TOOL_CALL_START", 7],
])("%s: the event is shown raw", (_what, type, data) => {
  expect(told([pushed(type, data)])[1]).toMatchObject({ type: "RAW", source: "push", event: { type } });
});

test("an event that cannot be read is named", () => {
  const telling = createTelling("s1");
  const unread = { seq: 5, subject: "rr.ses.name.out.text", data: Buffer.from("x") };
  expect(telling.take(unread)[1]).toMatchObject({
    name: "unreadable",
    value: { seq: 5, code: "envelope_invalid" },
  });
});

test("an agent that begins and never ends has a bound", () => {
  const starts = Array.from({ length: 1200 }, (_, i) => pushed("TEXT_MESSAGE_START", { messageId: `m${i}` }));
  const types = told(starts).map(({ type }) => type);
  expect(types.filter((type) => type === "TEXT_MESSAGE_START")).toHaveLength(1200);
  expect(types.filter((type) => type === "TEXT_MESSAGE_END")).toHaveLength(1000);
});
