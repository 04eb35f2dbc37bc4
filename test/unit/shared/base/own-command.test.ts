import { delimiter } from "node:path";
import { afterEach, expect, test } from "vitest";
import {
  commandText,
  learnReach,
  ownCommand,
  programIn,
  reachOf,
} from "../../../../src/shared/base/own-command.ts";

const never = (): boolean => false;
const always = (): boolean => true;

afterEach(() => learnReach([]));

test("it is called by its name where a shell finds it, else by the path of the command in the clone or the package", () => {
  expect(
    programIn(["/bin", "/opt/rr"].join(delimiter), (file) => file === "/opt/rr/runner-relay", always),
  ).toBe("runner-relay");
  expect(programIn("/bin", never, always)).toMatch(/^\/.*\/bin\/runner-relay$/);
  expect(programIn(undefined, always, never)).toMatch(/^\/.*\/bin\/runner-relay\.cjs$/);
});

test("a folder that npm put into the PATH is not in the PATH of another terminal", () => {
  expect(programIn("/app/node_modules/.bin", always, always)).not.toBe("runner-relay");
});

test("the options stand before the first option, and before what belongs to another program", () => {
  const call = { program: "runner-relay", options: ["--data", "/tmp/x"] };
  const text = (...words: string[]): string => commandText(call, words);
  expect(text("status")).toBe("runner-relay status --data /tmp/x");
  expect(text("exec", "--", "COMMAND")).toBe("runner-relay exec --data /tmp/x -- COMMAND");
  expect(text("dead", "ls", "--json")).toBe("runner-relay dead ls --data /tmp/x --json");
});

test("words are quoted where a shell needs it", () => {
  expect(ownCommand("resume", "--session", "it's $(x)")).toBe(
    String.raw`runner-relay resume --session 'it'\''s $(x)'`,
  );
  expect(commandText({ program: "/a b/runner-relay", options: [] }, ["status"])).toBe(
    "'/a b/runner-relay' status",
  );
});

test("the data folder is named if it is not the one that commands use by default", () => {
  expect(reachOf("/home/ada/.local/state/runner-relay", { HOME: "/home/ada" })).toEqual([]);
  learnReach(reachOf("/tmp/other", { HOME: "/home/ada", RUNNER_RELAY_DATA: "/tmp/other" }));
  expect(ownCommand("doctor")).toBe("runner-relay doctor --data /tmp/other");
});
