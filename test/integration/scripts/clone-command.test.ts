import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { VERSION } from "../../../src/shared/base/version.ts";

const BIN = resolve(import.meta.dirname, "../../../bin");
const run = promisify(execFile);

test("with a clone's bin in the PATH the command is there, also through a link and from another folder", async () => {
  const folder = await mkdtemp(join(tmpdir(), "rr-clone-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await symlink(join(BIN, "runner-relay"), join(folder, "runner-relay"));
  for (const first of [BIN, folder]) {
    const env = { PATH: [first, process.env["PATH"]].join(delimiter), HOME: folder };
    const { stdout, stderr } = await run("runner-relay", ["--version"], { env, cwd: folder });
    expect([stdout, stderr]).toEqual([`${VERSION}\n`, ""]);
  }
});

test("as `npm link` installs it, the command runs the clone's sources", async () => {
  const { stdout } = await run(process.execPath, [join(BIN, "runner-relay.cjs"), "--version"]);
  expect(stdout).toBe(`${VERSION}\n`);
});

/** Stands for `up`: says how it ended. The end of its input ends it, too, so that nothing is left if the signal does not arrive. */
const PROGRAM = `
process.on("SIGTERM", () => process.exit(console.log("stopped by the signal")));
process.stdin.on("end", () => process.exit(console.log("left behind"))).resume();
console.error("ready");
`;

test("a signal to `npm start` reaches `up`, and npm waits for its end", async () => {
  const folder = await mkdtemp(join(tmpdir(), "rr-clone-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { scripts } = JSON.parse(await readFile(join(BIN, "../package.json"), "utf8")) as {
    scripts: { start: string };
  };
  await mkdir(join(folder, "src/cli"), { recursive: true });
  await writeFile(join(folder, "src/cli/main.ts"), PROGRAM);
  await writeFile(join(folder, "package.json"), JSON.stringify({ scripts: { start: scripts.start } }));
  const env = { PATH: process.env["PATH"], HOME: folder };
  const npm = spawn("npm", ["start", "--silent"], { cwd: folder, env });
  const output = text(npm.stdout);
  await once(npm.stderr, "data");
  npm.kill("SIGTERM");
  await once(npm, "exit");
  npm.stdin.end();
  expect(await output).toBe("stopped by the signal\n");
});
