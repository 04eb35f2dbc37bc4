import { expect, test } from "vitest";
import { readInstruction } from "../../../src/executors/instruction.ts";

test.each([
  ['{"type":"turn","parameters":{"prompt":"hi"}}', { kind: "turn", parameters: { prompt: "hi" } }],
  ['{"type":"turn"}', { kind: "turn", parameters: {} }],
  ['{"type":"turn","parameters":[]}', { kind: "turn", parameters: {} }],
  ['{"type":"shutdown"}\r', { kind: "shutdown" }],
  ["", { kind: "end" }],
  [" ", { kind: "end" }],
  ['{"type":"pause"}', { kind: "ignored", why: "a line of an unknown type on stdin" }],
  ["{}", { kind: "ignored", why: "a line of an unknown type on stdin" }],
  ["{no", { kind: "ignored", why: "invalid JSON on stdin: syntax at byte 1" }],
])("%j", (line, instruction) => {
  expect(readInstruction(Buffer.from(line))).toEqual(instruction);
});
