import { expect, test } from "vitest";
import { createMemory, tidied } from "../../../../src/agents/claude-api/memory.ts";
import type { Said } from "../../../../src/agents/claude-api/sdk.ts";

const user = (content: unknown): Said => ({ role: "user", content });
const model = (...content: object[]): Said => ({ role: "assistant", content });
const USE = { type: "tool_use", id: "t", name: "bash", input: {} };
const TEXT = { type: "text", text: "a" };
const CUT = model({ type: "text", text: "(interrupted)" });

test.each<[Said[], Said[]]>([
  [[], []],
  [[user("q")], [user("q"), CUT]],
  [
    [user("q"), model(TEXT)],
    [user("q"), model(TEXT)],
  ],
  [
    [user("q"), model(TEXT, USE)],
    [user("q"), CUT],
  ],
  [
    [user("q"), model(USE), user([{ type: "tool_result" }])],
    [user("q"), model(USE), user([{ type: "tool_result" }]), CUT],
  ],
])("%# a conversation that was interrupted can go on", (messages, after) => {
  expect(tidied(messages)).toEqual(after);
});

test("a conversation is found by its name, and the oldest ones are forgotten", () => {
  const memory = createMemory();
  const first = memory.of(undefined);
  const name = memory.nameOf(first);
  expect(memory.of(name)).toBe(first);
  for (let i = 0; i < 100; i++) memory.of(undefined);
  expect(memory.of(name)).not.toBe(first);
  expect(memory.nameOf(memory.of(name))).toBe(name);
});
