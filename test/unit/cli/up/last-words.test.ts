import * as fc from "fast-check";
import { expect, test } from "vitest";
import { ChildError, lastWordsIn } from "../../../../src/cli/up/last-words.ts";

const fatal = (code: string, msg: string): string => `${JSON.stringify({ level: 60, code, msg })}\n`;

test("the last fatal line with a code of ours counts", () => {
  const text = `${fatal("port_taken", "one")}{"level":30,"msg":"x"}\n${fatal("log_gone", "two")}plain\n`;
  expect(lastWordsIn(text)).toEqual({ code: "log_gone", text: "two" });
});

test.each([
  "",
  "plain\n",
  fatal("nobody_knows", "x"),
  fatal("toString", "x"),
  '{"level":60}\n',
  '{"level":60,\n',
])("%j has none", (text) => {
  expect(lastWordsIn(text)).toBeUndefined();
});

test("no text makes it throw", () => {
  fc.assert(fc.property(fc.string(), (text) => void lastWordsIn(`${text}"level":60${text}`)));
});

test("a child's own reason is the error's; without one it says how the child ended", () => {
  const own = new ChildError("relay", {
    code: 78,
    signal: null,
    words: { code: "coordinator_changed", text: "belongs to another" },
  });
  expect(own).toMatchObject({ code: "coordinator_changed", message: "belongs to another", exit: 78 });
  const none = new ChildError("relay", { code: null, signal: "SIGKILL", words: undefined });
  expect(none).toMatchObject({ code: "child_failed", exit: null });
  expect(none.message).toBe("relay ended with SIGKILL; it says why above");
});
