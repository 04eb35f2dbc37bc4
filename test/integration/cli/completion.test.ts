import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findExecutable } from "../../../src/embedded/command.ts";
import { runCli } from "../../support/up.ts";
import { eventually } from "../../support/eventually.ts";
import { mainOf } from "../../support/bundle/main-of.ts";

const MAIN = mainOf("cli");

/** A folder with a `runner-relay` that completes, and otherwise only says what it was called with. */
async function shim(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "rr-complete-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "runner-relay");
  const script = `#!/bin/sh\ncase "$1" in complet*) exec '${process.execPath}' '${MAIN}' "$@";; esac\necho "RAN <$*>"\n`;
  await writeFile(file, script);
  await chmod(file, 0o755);
  return folder;
}

test("asked for words: commands, subcommands, options, their values", async () => {
  const suggestions = async (...words: string[]) =>
    (await runCli(["complete", "--", ...words])).stdout
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith(":"))
      .map((line) => line.split("\t")[0]);
  const [commands, options, values, below, shells] = await Promise.all([
    suggestions(""),
    suggestions("status", "--w"),
    suggestions("tail", "--verdict", ""),
    suggestions("dead", "re"),
    suggestions("completion", ""),
  ]);
  expect(commands).toEqual(expect.arrayContaining(["up", "status", "tail", "completion"]));
  expect(commands).not.toContain("complete");
  expect(options).toEqual(["--watch"]);
  expect(values).toEqual(["pending", "delivered", "superseded", "dead", "dropped"]);
  expect(below).toEqual(["redrive"]);
  expect(shells).toEqual(["bash", "zsh", "fish"]);
  expect((await runCli(["completion", "tcsh"])).code).toBe(2);
});

test.runIf(findExecutable("script", process.env["PATH"]))(
  "bash: the tab key, and what is typed is not run by it",
  async () => {
    const folder = await shim();
    const child = spawn("script", ["-qec", "bash --norc --noprofile -i", "/dev/null"], {
      cwd: folder,
      env: {
        PATH: `${folder}:${process.env["PATH"]}`,
        PS1: "> ",
        TERM: "dumb",
        HOME: folder,
        INPUTRC: "/dev/null",
      },
      stdio: "pipe",
    });
    const ended = once(child, "close");
    let shown = "";
    child.stdout.on("data", (chunk: Buffer) => (shown += chunk.toString()));
    const type = async (keys: string, until: string): Promise<void> => {
      child.stdin.write(keys);
      await eventually(() => expect(shown).toContain(until));
    };
    await type("source <(runner-relay completion bash); echo rea''dy\n", "\nready");
    await type("runner-relay del\t", "deliveries ");
    await type("--se\t\t", "--session");
    await type("q 5\n", "RAN <deliveries --seq 5>");
    await type("runner-relay tail --session $(touch evil) --kin\t", "--kind ");
    await type("bi\t\u0015", "--kind bind"); // and throws the line away
    child.stdin.end("exit\n");
    await ended;
    expect(await readdir(folder)).not.toContain("evil");
  },
);

test("zsh and fish understand their scripts, where they are installed", async () => {
  for (const shell of ["zsh", "fish"]) {
    const { stdout } = await runCli(["completion", shell]);
    expect(stdout).toContain("runner-relay complete --");
    if (findExecutable(shell, process.env["PATH"]) === undefined)
      console.log(`the script for ${shell} was not tried: no ${shell} here`);
    else expect(spawnSync(shell, ["-n"], { input: stdout, encoding: "utf8" })).toMatchObject({ status: 0 });
  }
});
