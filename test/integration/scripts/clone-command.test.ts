import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
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
