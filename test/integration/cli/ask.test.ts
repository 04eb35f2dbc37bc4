import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { findExecutable } from "../../../src/embedded/command.ts";
import { eventually } from "../../support/eventually.ts";
import { mainOf } from "../../support/bundle/main-of.ts";

const MAIN = mainOf("cli");

test.runIf(findExecutable("script", process.env["PATH"])).each([
  ["Ctrl-C", "\u0003"],
  ["Ctrl-D", "\u0004"],
  ["n", "n\n"],
])("a question at a terminal, answered with %s: nothing is changed", async (_, keys) => {
  const command = `'${process.execPath}' '${MAIN}' pause --data '${tmpdir()}/rr-none'`;
  const child = spawn("script", ["-qec", command, "/dev/null"], {
    env: { PATH: process.env["PATH"], TERM: "dumb" },
    stdio: "pipe",
  });
  const ended = once(child, "close");
  let shown = "";
  child.stdout.on("data", (chunk: Buffer) => (shown += chunk.toString()));
  await eventually(() => expect(shown).toContain("Pause everything? [y/N] "));
  child.stdin.write(keys);
  await eventually(() => expect(shown).toContain("\ndeclined: nothing was changed"));
  child.stdin.end();
  expect(((await ended) as [number])[0]).toBe(1);
});
