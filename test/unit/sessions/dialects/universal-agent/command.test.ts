import { expect, test } from "vitest";
import { FRAME_JSON, readCommand } from "../../../../../src/sessions/dialects/universal-agent/command.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = (frame: unknown): object => readCommand(bytes(JSON.stringify(frame)));

test("execute, as the program's own client sends it", () => {
  const data = { user_input: "List files", force_complex: false, metadata: { source: "cli" } };
  expect(read({ type: "execute", data })).toEqual({ kind: "execute", turn: undefined, request: data });
});

test("query, as the web interface sends it", () => {
  expect(read({ type: "query", data: { text: "Hello", client_turn_id: "abc" }, timestamp: 1 })).toEqual({
    kind: "execute",
    turn: "abc",
    request: { user_input: "Hello", force_complex: false, metadata: {} },
  });
});

test("an id of a turn is cut where the program cuts it; one that no turn may have is refused", () => {
  const execute = (id: unknown): object =>
    read({ type: "execute", data: { user_input: "x", client_turn_id: id } });
  expect(execute("a".repeat(200))).toMatchObject({ turn: "a".repeat(128) });
  expect(execute(5)).toMatchObject({ turn: "5" });
  expect(execute("  ")).toMatchObject({ turn: undefined });
  expect(execute(null)).toMatchObject({ turn: undefined });
  expect(execute("ä")).toMatchObject({ kind: "wrong", ends: true });
});

test.each([
  [{ type: "execute", data: { user_input: "  " } }],
  [{ type: "execute", data: [] }],
  [{ type: "execute" }],
  [{ type: "query", data: { user_input: "x" } }],
])("%j is an empty turn, whose client waits for an end", (frame) => {
  expect(read(frame)).toEqual({ kind: "wrong", message: "Empty user_input", ends: true });
});

test.each([
  [{ type: "ping" }, { kind: "ping" }],
  [
    { type: "cancel", data: { reason: "stop it" } },
    { kind: "cancel", reason: "stop it" },
  ],
  [{ type: "cancel" }, { kind: "cancel", reason: "User requested stop" }],
  [
    { type: "input_response", data: { input_id: "i1", response: "yes" } },
    { kind: "answer", input: "i1", response: "yes" },
  ],
  [
    { type: "input_response", data: { response: "yes" } },
    { kind: "answer", input: "default", response: "yes" },
  ],
  [
    { type: "approval", data: { phase_id: "r1", approved: true } },
    { kind: "approval", request: "r1", allow: true },
  ],
  [
    { type: "approval", data: { phase_id: "r1", approved: "yes" } },
    { kind: "approval", request: "r1", allow: false },
  ],
  [
    { type: "resume", after: 12 },
    { kind: "resume", after: { seq: 12 } },
  ],
  [
    { type: "resume", data: { after: "12.abc" } },
    { kind: "resume", after: { seq: 12, log: "abc" } },
  ],
  [
    { type: "resume", after: -1 },
    { kind: "wrong", ends: false },
  ],
  [{ type: "resume" }, { kind: "wrong", ends: false }],
  [{ type: "dance" }, { kind: "wrong", message: "Unknown message type: dance", ends: false }],
  [{}, { kind: "wrong", message: "Unknown message type: ", ends: false }],
  [[], { kind: "wrong", ends: false }],
  [null, { kind: "wrong", ends: false }],
])("%j", (frame, command) => {
  expect(read(frame)).toMatchObject(command);
});

test.each([
  ["not JSON", bytes("{nope")],
  ["not UTF-8", new Uint8Array([0x7b, 0xff])],
  ["nested deeper than an event may be", bytes("[".repeat(70) + "]".repeat(70))],
  ["longer than an event may be", bytes(`"${"a".repeat(FRAME_JSON.bytes)}"`)],
])("a frame that is %s is refused, and nothing waits for it", (_, frame) => {
  expect(readCommand(frame)).toEqual({ kind: "wrong", message: "Invalid JSON", ends: false });
});
