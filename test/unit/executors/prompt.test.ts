import { expect, test } from "vitest";
import { firstPrompt, laterPrompt } from "../../../src/executors/prompt.ts";

test("an agent without inputs of its own is asked the prompt", () => {
  expect(firstPrompt({ prompt: "hi", other: 1 }, false)).toEqual({ ok: true, text: "hi" });
  expect(firstPrompt({ prompt: 1 }, false)).toMatchObject({
    ok: false,
    problem: "parameters.prompt must be a text",
  });
  expect(firstPrompt({}, false)).toEqual({
    ok: false,
    problem: "Missing required 'prompt' in parameters for autonomous agent without custom schema",
  });
});

test("an agent with inputs gets all of them as a block", () => {
  const parameters = {
    topic: "AI",
    notes: "one\ntwo",
    tags: ["a", "b"],
    of: { n: 1 },
    none: null,
    deep: true,
    prompt: "go",
  };
  const text = [
    "<inputs>",
    "topic: AI",
    "notes:",
    "  one",
    "  two",
    'tags: ["a","b"]',
    'of: {"n":1}',
    "none: null",
    "deep: true",
    "prompt: go",
    "</inputs>",
  ].join("\n");
  expect(firstPrompt(parameters, true)).toEqual({ ok: true, text });
  expect(firstPrompt({}, true)).toEqual({ ok: true, text: "<inputs>\n</inputs>" });
});

test("a later turn is the prompt alone", () => {
  expect([laterPrompt({ prompt: "x", topic: "y" }), laterPrompt({}), laterPrompt({ prompt: 1 })]).toEqual([
    "x",
    "",
    "",
  ]);
});
