import { expect, test } from "vitest";
import { MOST_RECALLED, newestParts } from "../../../src/agents/recall.ts";
import { createArchive } from "../../support/archive.ts";

test("of a conversation that is too long its newest parts are read, and nothing of others", async () => {
  const of = { runner: "r", thread: "t" };
  const text = "x".repeat(MOST_RECALLED / 4);
  const archive = createArchive();
  for (let i = 0; i < 9; i++) await archive.add({ ...of, text, mark: `${i}` });
  await archive.add({ ...of, thread: "u", text: "other" });
  await archive.add({ ...of, runner: "s", text: "other" });
  const parts = await newestParts(archive, of);
  expect(parts.map(({ mark }) => mark)).toEqual(["5", "6", "7", "8"]);
});
