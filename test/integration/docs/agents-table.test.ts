import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { TABLE, tableOf, type Cannot, type StoryName } from "../../agents/table.ts";

const DOCS = resolve(import.meta.dirname, "../../../docs/agents.md");

test("docs/agents.md has the table of stories that the real programs are held to", () => {
  const words = (text: string): string => text.replaceAll(/[-\s]+/g, " ").trim();
  expect(words(readFileSync(DOCS, "utf8"))).toContain(words(tableOf()));
});

test("every adapter tells what none may lack, and only `codex exec`, here or at a sidecar, cannot ask", () => {
  const every: StoryName[] = ["text", "tool", "failingTool", "twoTurns", "interrupt", "longOutput", "error"];
  for (const [name, cannot] of Object.entries(TABLE) as [string, Cannot][]) {
    const missing = Object.keys(cannot) as StoryName[];
    expect(every.filter((story) => missing.includes(story))).toEqual([]);
    if (name === "codex exec") continue;
    expect(missing).not.toContain("input");
    if (name !== "codex_sdk_sidecar") expect(missing).not.toContain("allowed");
  }
});
