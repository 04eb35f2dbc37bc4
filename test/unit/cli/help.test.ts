import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { runCommandLine } from "../../../src/cli/run.ts";
import { quietContext } from "./quiet-context.ts";

const COMMANDS_PAGE = readFileSync(
  resolve(import.meta.dirname, "../../../docs/operations/commands.md"),
  "utf8",
);

const context = quietContext();

const all = Object.entries(COMMANDS).map(([name, entry]) => ({ name, ...entry }));

/** A command with those below it. */
function* withChildren(command: Command): Generator<Command> {
  yield command;
  for (const child of command.commands) yield* withChildren(child);
}

test.each(all)(
  "$name --help: what it does, its options, an example whose options exist",
  async ({ name, load, example }) => {
    const command = (await load()).command(context);
    expect(command.name()).toBe(name);
    for (const one of withChildren(command)) {
      expect(one.description(), one.name()).not.toBe("");
      for (const { description, long } of one.options) expect(description, long ?? "").not.toBe("");
    }
    const words =
      example
        .slice(example.indexOf(`runner-relay ${name}`))
        .split(/ -- |'?$|\)$/)[0]
        ?.split(" ")
        .slice(2) ?? [];
    expect(example).toContain(`runner-relay ${name}`);
    let target = command;
    for (const child of command.commands) if (child.name() === words[0]) target = child;
    for (const flag of words.filter((word) => word.startsWith("--"))) {
      expect(
        target.options.map(({ long }) => long),
        example,
      ).toContain(flag);
    }
  },
);

test("every subcommand's help has an example whose options exist", async () => {
  for (const { name, load } of all) {
    const command = (await load()).command(context);
    for (const child of command.commands) {
      let help = "";
      child.configureOutput({ writeOut: (text) => void (help += text) });
      child.outputHelp();
      const example = help.split("Example:\n  ")[1] ?? "";
      expect(example, `${name} ${child.name()}`).toMatch(new RegExp(`^runner-relay ${name} ${child.name()}`));
      for (const [flag] of example.matchAll(/--[a-z-]+/g))
        expect(child.options.map(({ long }) => long)).toContain(flag);
    }
  }
});

test("every command's help is exit code 0, an unknown option 2", { timeout: 20_000 }, async () => {
  const said: string[] = [];
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = (text: string | Uint8Array) => said.push(String(text)) > 0;
  try {
    for (const { name, example } of all) {
      expect(await runCommandLine([name, "--help"], COMMANDS, context), name).toBe(0);
      expect(said.join("")).toContain(`Example:\n  ${example}`);
    }
    expect(await runCommandLine(["--help"], COMMANDS, context)).toBe(0);
  } finally {
    process.stdout.write = write;
  }
  expect(said.join("")).toContain("Exit codes: 0 success, 1 failure");
});

test("docs/operations/commands.md knows every command, and the exit codes", () => {
  const unknown = all.filter(
    ({ name }) => !new RegExp(`\`${name}\`|runner-relay ${name}`).test(COMMANDS_PAGE),
  );
  expect(unknown.map(({ name }) => name)).toEqual([]);
  expect(COMMANDS_PAGE.includes("| exit code | commands | meaning |")).toBe(true);
});
