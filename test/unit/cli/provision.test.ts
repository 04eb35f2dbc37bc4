import { expect, test } from "vitest";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { runCommandLine } from "../../../src/cli/run.ts";
import { quietContext } from "./quiet-context.ts";

const HUB = ["--hub", "tls://hub.example:7422"];

test.each([
  ["a hub without a leaf, which would make another log than was meant", HUB, "need --leaf"],
  ["a folder without a leaf", ["--out", "nats"], "need --leaf"],
  ["a leaf without a hub", ["--leaf", "leaf1"], "needs --hub"],
  ["a number of shards for files", ["--leaf", "leaf1", ...HUB, "--shards", "16"], "--shards"],
  ["a place to resume for files", ["--leaf", "leaf1", ...HUB, "--from", "new"], "--from"],
])("%s is refused before anything is made", async (_what, args, words) => {
  const said: string[] = [];
  const context = quietContext({ warn: (text) => void said.push(text) });
  expect(await runCommandLine(["provision", ...args], COMMANDS, context)).toBe(2);
  expect(said).toEqual([expect.stringMatching(`^usage: .*${words}`)]);
});
