import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  eventFrames,
  unreadableFrame,
} from "../../../../../src/sessions/dialects/universal-agent/event-frames.ts";
import { FRAME_TYPES } from "../../../../../src/sessions/dialects/universal-agent/frame.ts";
import { AGENT_TYPES, CLIENT_KINDS, OWNER_TYPES } from "../../../../../src/shared/session-log/event/kinds.ts";
import type { SessionEvent } from "../../../../../src/shared/session-log/event/session-event.ts";

const LISTENER = { own: undefined, reasonOf: () => undefined };
const timestamp = "2026-11-30T15:00:00.000Z";

function event(type: string, data: unknown, more: Partial<SessionEvent> = {}): SessionEvent {
  const body = new TextEncoder().encode(JSON.stringify(data));
  return {
    seq: 7,
    n: 3,
    session_id: "s1",
    turn_id: "t1",
    type,
    source: "worker",
    data: body,
    timestamp,
    ...more,
  };
}

function frames(type: string, data: unknown, more: Partial<SessionEvent> = {}): object[] {
  return eventFrames(event(type, data, more), LISTENER);
}

describe("what an agent says", () => {
  test.each([
    ["text", { text: "Hello ", time_offset: 0.5 }],
    ["tool_call", { id: "c1", name: "Read", input: { path: "a" } }],
    ["tool_result", { tool_call_id: "c1", result: "x", is_error: false }],
    ["status", { status: "thinking hard" }],
    ["session_info", { session_id: "s1" }],
    ["iteration_end", { iteration: 1 }],
    ["work_product", { path: "report.html" }],
    ["input_required", { input_id: "i1", question: "Which?", options: [] }],
  ])("%s is a frame of the same name, with the data as they came", (type, data) => {
    const time_offset = "time_offset" in data ? data.time_offset : null;
    expect(frames(type, data)).toEqual([{ type, data, timestamp, time_offset, seq: 7 }]);
  });

  test("thoughts have the name that these clients look for", () => {
    expect(frames("thinking", { text: "hm", block: "0" })).toMatchObject([
      { type: "thinking", data: { thinking: "hm" } },
    ]);
    expect(frames("thinking", { thinking: "hm" })).toMatchObject([{ data: { thinking: "hm" } }]);
  });

  test("usage, for which the program has no frame, is a status", () => {
    expect(frames("usage", { input_tokens: 5 })).toMatchObject([
      { type: "status", data: { status: "usage", input_tokens: 5 } },
    ]);
  });

  test("a permission request is a question that these clients show and answer", () => {
    expect(frames("permission_request", { request_id: "r1", tool_name: "Bash" })).toMatchObject([
      {
        type: "input_required",
        data: { input_id: "r1", question: "Allow Bash?", options: ["Allow", "Deny"] },
      },
    ]);
  });

  test("data that are no object become one", () => {
    expect(frames("text", [1])).toMatchObject([{ data: { value: [1] } }]);
  });
});

describe("errors", () => {
  test("one that the agent survives is a status: clients stop to read at an error", () => {
    expect(frames("error", { message: "slow down", recoverable: true })).toMatchObject([
      { type: "status", data: { status: "error", message: "slow down" } },
    ]);
  });

  test("one that ends the turn waits for the turn's end, so that there is one error and no event behind it", () => {
    expect(frames("error", { message: "boom", recoverable: false })).toEqual([]);
    const end = { outcome: "failed", message: "boom", code: "SCRIPTED" };
    expect(frames("turn_ended", end)).toEqual([
      { type: "error", data: { message: "boom", code: "SCRIPTED", turn_id: "t1" }, timestamp },
      { type: "query_complete", data: { turn_id: "t1", completed: false }, timestamp, seq: 7 },
    ]);
  });

  test("one that an agent outside pushed ends no turn", () => {
    expect(frames("error", { message: "boom" }, { source: "push" })).toMatchObject([{ type: "status" }]);
  });
});

describe("ends of turns", () => {
  test("finished", () => {
    expect(frames("turn_ended", { outcome: "finished", reason: "max_iterations" })).toEqual([
      {
        type: "query_complete",
        data: { turn_id: "t1", completed: true, reason: "max_iterations" },
        timestamp,
        seq: 7,
      },
    ]);
  });

  test("cancelled, with the reason if the socket heard it", () => {
    const cancelled = event("turn_ended", { outcome: "cancelled" });
    const heard = { own: undefined, reasonOf: (turn: string) => (turn === "t1" ? "stop it" : undefined) };
    const three = eventFrames(cancelled, heard);
    expect(three.map(({ type, data }) => [type, data])).toEqual([
      ["status", { status: "turn_cancelled", turn_id: "t1", message: "Execution cancelled." }],
      ["query_complete", { turn_id: "t1", cancelled: true }],
      ["cancelled", { reason: "stop it", run_id: null, session_id: "s1" }],
    ]);
    expect(eventFrames(cancelled, LISTENER)[2]).toMatchObject({ data: { reason: "User requested stop" } });
  });

  test.each([
    [{ outcome: "interrupted" }, "The turn was interrupted: its worker went away."],
    [{ outcome: "failed", code: "turn_timeout" }, "The turn took longer than a turn may."],
    [{ outcome: "failed", error: "no such model" }, "no such model"],
    [{ outcome: "failed" }, "The turn failed."],
  ])("%j says what happened", (end, message) => {
    expect(frames("turn_ended", end)).toMatchObject([
      { type: "error", data: { message } },
      { type: "query_complete", data: { completed: false } },
    ]);
  });

  test("of another turn, while the client waits for its own, is a status", () => {
    const waiting = { own: "t2", reasonOf: () => undefined };
    const end = event("turn_ended", { outcome: "failed" });
    expect(eventFrames(end, waiting)).toMatchObject([
      { type: "status", data: { status: "turn_ended", turn_id: "t1", outcome: "failed" }, seq: 7 },
    ]);
  });

  test("that an agent outside pushed is none", () => {
    expect(frames("turn_end", {}, { source: "push" })).toMatchObject([{ type: "status" }]);
  });
});

test("nothing stands between execute and the agent's first event", () => {
  for (const type of ["created", "turn", "cancel", "decision"])
    expect(frames(type, {}, { source: "user" })).toEqual([]);
  for (const type of ["owner", "turn_started"]) expect(frames(type, {})).toEqual([]);
});

test("an event that cannot be shown keeps its place", () => {
  expect(unreadableFrame({ seq: 9, type: "unreadable", code: "schema_newer" }, 0)).toMatchObject({
    type: "status",
    data: { status: "unreadable" },
    seq: 9,
  });
});

test("whatever lies in the log, only types of the program are sent, and the last frame has the place", () => {
  const types = [...AGENT_TYPES, ...OWNER_TYPES, ...CLIENT_KINDS, "input_response", "note", "connected"];
  fc.assert(
    fc.property(
      fc.constantFrom(...types),
      fc.constantFrom("user", "worker", "push"),
      fc.jsonValue(),
      (type, source, data) => {
        const sent = eventFrames(event(type, data, { source }), LISTENER);
        for (const frame of sent) expect(FRAME_TYPES).toContain(frame.type);
        expect(sent.map(({ seq }) => seq)).toEqual(
          sent.map((_, i) => (i === sent.length - 1 ? 7 : undefined)),
        );
      },
    ),
  );
});
