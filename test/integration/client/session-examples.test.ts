import { execFile, spawnSync } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bareEnv } from "../../support/bare-env.ts";
import { mainOf } from "../../support/bundle/main-of.ts";
import { dataFolder, startUp, type Up } from "../../support/up.ts";
import { blocksOf } from "../docs/blocks.ts";

// The examples against a real server and worker, with the agent that repeats what it is told. The one that is a web page: test/page/session-page.test.ts.

const ROOT = resolve(import.meta.dirname, "../../..");
const EXAMPLES = join(ROOT, "examples");
const run = promisify(execFile);

let folder: Awaited<ReturnType<typeof dataFolder>>;
let up: Up;
let env: Record<string, string>;
let url: string;

beforeAll(async () => {
  folder = await dataFolder();
  up = startUp(folder.path, { also: ["sessions"] });
  url = (await up.ready()).sessions ?? "";
  const key = (await readFile(join(up.dataDir, "sessions.key"), "utf8")).trim();
  const bin = join(folder.path, "bin");
  await mkdir(bin);
  const command = join(bin, "runner-relay");
  await writeFile(command, `#!/bin/sh\nexec '${process.execPath}' '${mainOf("cli")}' "$@"\n`);
  await chmod(command, 0o755);
  env = {
    ...bareEnv(),
    PATH: [bin, process.env["PATH"] ?? ""].join(delimiter),
    RUNNER_RELAY_DATA: up.dataDir,
    RUNNER_RELAY_SESSIONS_URL: url,
    RUNNER_RELAY_SESSIONS_API_KEY: key,
  };
});
afterAll(async () => {
  await up?.stop();
  await folder?.[Symbol.asyncDispose]();
});

const isHere = (program: string): boolean => spawnSync(program, ["--version"]).error === undefined;

test("in TypeScript: a turn, one more in the same session, and a refusal", async () => {
  const example = (more: Record<string, string>, ...args: string[]) =>
    run(process.execPath, [join(EXAMPLES, "session-turn.ts"), ...args], { env: { ...env, ...more } });
  for (const prompt of ["h\u00e9 you", "again"])
    expect(await example({}, "ses_ts", prompt)).toMatchObject({
      stdout: `${prompt}\nfinished\n`,
      stderr: "",
    });
  const refused = example({ RUNNER_RELAY_SESSIONS_API_KEY: "x".repeat(20) }, "ses_ts", "hi");
  await expect(refused).rejects.toMatchObject({
    code: 1,
    stderr: "the server refused: inbound_unauthorized (401)\n",
  });
});

test("in Python with its standard library: a turn, one more in the same session, and a refusal", async (context) => {
  if (!isHere("python3")) return context.skip("python3 is not installed");
  const example = (more: Record<string, string>, ...args: string[]) =>
    run("python3", [join(EXAMPLES, "session_client.py"), ...args], { env: { ...env, ...more } });
  for (const prompt of ["h\u00e9 you", "again"]) {
    const { stdout } = await example({ PYTHONIOENCODING: "utf8" }, "ses_py", prompt);
    expect(stdout).toMatch(new RegExp(`^${prompt}\nfinished at \\d+\\.\\w+\n$`));
  }
  const refused = example({ RUNNER_RELAY_SESSIONS_API_KEY: "x".repeat(20) }, "ses_py", "hi");
  await expect(refused).rejects.toMatchObject({
    stderr: expect.stringMatching(/inbound_unauthorized/) as string,
  });
});

test("with curl: a turn, one more in the same session, and a refusal", async (context) => {
  if (!isHere("curl")) return context.skip("curl is not installed");
  const example = (more: Record<string, string>, ...args: string[]) =>
    run("sh", [join(EXAMPLES, "session.sh"), ...args], { env: { ...env, ...more } });
  for (const prompt of ['h\u00e9 "you" \\', "again"]) {
    const { stdout } = await example({}, "ses_curl", prompt);
    const events = stdout
      .trimEnd()
      .split("\n")
      .slice(1)
      .map((line) => JSON.parse(line) as { type: string; data?: { text?: string } }); // `caught_up` has none
    expect(events.flatMap(({ data }) => data?.text ?? []).join("")).toBe(prompt);
    expect(events.at(-1)).toMatchObject({ type: "turn_ended", data: { outcome: "finished" } });
    expect(events.filter(({ type }) => type === "turn_started")).toHaveLength(1);
  }
  const refused = example({ RUNNER_RELAY_SESSIONS_API_KEY: "x".repeat(20) }, "ses_curl", "hi");
  await expect(refused).rejects.toMatchObject({
    stdout: expect.stringMatching(/inbound_unauthorized/) as string,
  });
});

test("the commands of the pages do what they say", async (context) => {
  if (!isHere("curl") || !isHere("python3")) return context.skip("curl or python3 is not installed");
  const typed = async (page: string, change: (command: string) => string): Promise<string> => {
    const text = await readFile(join(ROOT, "docs", "sessions", page), "utf8");
    const block = blocksOf(text).find(({ runBy }) => runBy?.endsWith("session-examples.test.ts"));
    const command = change((block?.text ?? "").replaceAll("http://127.0.0.1:8002", url));
    const { stdout } = await run("bash", ["-c", `shopt -s expand_aliases\n${command}`], { env, cwd: ROOT });
    return stdout;
  };
  expect(await typed("own-client.md", (command) => command)).toMatch(/^Say hello\nfinished at /);
  // the stream goes on until somebody ends it
  const shown = await typed("run-a-turn.md", (command) =>
    command.replace("ask -N", "ask -N --max-time 5").replace(/\n$/, " || test $? = 28\n"),
  );
  expect(shown).toMatch(/"session_id":"ses_demo".*"turn_id":.*"type":"turn_ended"/s);
});
