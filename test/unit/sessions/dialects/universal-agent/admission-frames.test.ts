import { expect, test } from "vitest";
import {
  admissionFrames,
  type NotBegun,
} from "../../../../../src/sessions/dialects/universal-agent/admission-frames.ts";

function answer(not: NotBegun): unknown[] {
  return admissionFrames(not, 0).map(({ type, data }) => {
    const { message, ...rest } = data;
    expect(message === undefined).toBe(type === "query_complete");
    return [type, rest];
  });
}

test("busy: the client hears which turn runs, and an error, so that it is not taken for a success without text", () => {
  expect(answer({ kind: "busy", active: "t1" })).toEqual([
    ["status", { status: "turn_rejected_busy", active_turn_id: "t1" }],
    ["error", { code: "turn_rejected_busy", active_turn_id: "t1" }],
    ["query_complete", { completed: false, turn_id: "t1" }],
  ]);
});

test("the same id again: while it runs, and when it is done", () => {
  expect(answer({ kind: "running", turn: "t1" })).toEqual([
    ["status", { status: "turn_in_progress", turn_id: "t1" }],
    ["query_complete", { completed: false, turn_id: "t1" }],
  ]);
  expect(answer({ kind: "done", turn: "t1" })).toEqual([
    ["status", { status: "duplicate_turn_ignored", turn_id: "t1" }],
    ["query_complete", { turn_id: "t1" }],
  ]);
});

test("what cannot be stored is an error, and over", () => {
  expect(answer({ kind: "refused", message: "full", code: "sessions_full" })).toEqual([
    ["error", { code: "sessions_full" }],
    ["query_complete", { completed: false }],
  ]);
});
