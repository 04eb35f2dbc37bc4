import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { quietContext } from "../cli/quiet-context.ts";

/** Every command that a page shows exists, with the flags that it shows. */

const ROOT = resolve(import.meta.dirname, "../../..");
const pages = [
  "README.md",
  "SECURITY.md",
  ...readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => `docs/${file.replaceAll("\\", "/")}`),
];

/** What stands in code: blocks, and `inline` code. Pure. */
function codeOf(text: string): string[] {
  const blocks = Array.from(text.matchAll(/^ *```[^\n]*\n([\s\S]*?)^ *```$/gm), ([, code = ""]) => code);
  const prose = text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, "");
  return [...blocks, ...Array.from(prose.matchAll(/`([^`]+)`/g), ([, code = ""]) => code)];
}

/** Calls of `runner-relay` in code: the words after it, up to the end of the command. `up` also says "runner-relay is ready". Pure. */
function callsOf(code: string): string[][] {
  const lines = code.replaceAll(/\\\n\s*/g, "").split("\n");
  return lines.flatMap((line) =>
    Array.from(
      line.matchAll(/(?:^|[\s(;'"])runner-relay (?!is ready)([a-z][^|;,&)#'"`]*)/g),
      ([, words = ""]) => (words.split(" -- ")[0] ?? "").trim().split(/\s+/),
    ),
  );
}

/** What is wrong with a call; undefined if nothing is. */
async function faultOf([name = "", ...words]: string[]): Promise<string | undefined> {
  const entry = COMMANDS[name];
  if (entry === undefined) return `no command: ${name}`;
  let command: Command = (await entry.load()).command(quietContext());
  for (const child of command.commands) if (child.name() === words[0]) command = child;
  const known = [...command.options.map(({ long }) => long), "--help"];
  const unknown = words
    .map((word) => word.split("=")[0] ?? "")
    .find((word) => word.startsWith("--") && !known.includes(word));
  return unknown === undefined ? undefined : `${name} has no ${unknown}`;
}

test("every command in the documents exists, and has the flags that are shown", async () => {
  const faults: string[] = [];
  let seen = 0;
  for (const page of pages) {
    for (const call of codeOf(readFileSync(join(ROOT, page), "utf8")).flatMap(callsOf)) {
      seen++;
      const fault = await faultOf(call);
      if (fault !== undefined) faults.push(`${page}: ${fault} (runner-relay ${call.join(" ")})`);
    }
  }
  expect(faults).toEqual([]);
  expect(seen).toBeGreaterThan(80);
});

test("commands and flags that do not exist are found", async () => {
  const page =
    "`runner-relay stats`, `runner-relay status --json`\n\n```sh\nrunner-relay dead \\\n  redrive --al | x\n```\n";
  const calls = codeOf(page).flatMap(callsOf);
  expect(calls).toEqual([["dead", "redrive", "--al"], ["stats"], ["status", "--json"]]);
  expect(await Promise.all(calls.map(faultOf))).toEqual(["dead has no --al", "no command: stats", undefined]);
});
