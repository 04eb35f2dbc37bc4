import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, realpath, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

/** Stands for npm: notes how it was called, and leaves what `npm ci` and `npm rebuild node` leave. */
const FAKE_NPM = `
import { appendFileSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
const [command] = process.argv.slice(2);
appendFileSync("npm.log", command + "\\n");
await new Promise((done) => setTimeout(done, Number(process.env.FAKE_MS ?? 0)));
if (process.env.FAKE_CODE) process.exit(Number(process.env.FAKE_CODE));
if (command === "ci") {
  rmSync("node_modules", { recursive: true, force: true });
  mkdirSync("node_modules/.bin", { recursive: true });
} else symlinkSync(process.env.FAKE_NODE, "node_modules/.bin/node");
`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rr-setup-"));
  await mkdir(join(folder, "scripts"));
  await cp(
    fileURLToPath(new URL("../../../scripts/setup.mjs", import.meta.url)),
    join(folder, "scripts/setup.mjs"),
  );
  await writeFile(join(folder, "package-lock.json"), "{}");
  await writeFile(join(folder, "npm.mjs"), FAKE_NPM);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function setup(env: Record<string, string> = {}): Promise<{ code: number; out: string; err: string }> {
  const settings = {
    env: {
      PATH: process.env["PATH"] ?? "",
      npm_execpath: join(folder, "npm.mjs"),
      FAKE_NODE: process.execPath,
      ...env,
    },
  };
  return new Promise((done) => {
    const script = join(folder, "scripts/setup.mjs");
    const child = execFile(process.execPath, [script], settings, (_, out, err) =>
      done({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

const calls = async (): Promise<string[]> =>
  (await readFile(join(folder, "npm.log"), "utf8").catch(() => "")).split("\n").filter((line) => line !== "");

test("installs once, then does nothing and says nothing, until the lock file changes", async () => {
  const first = await setup();
  expect(first).toMatchObject({ code: 0, err: "" });
  expect(first.out).toMatch(/^setup: installing.*\nsetup: done, Node v24\.\S+\n$/);
  expect(await setup()).toEqual({ code: 0, out: "", err: "" });
  expect(await calls()).toEqual(["ci", "rebuild"]);
  await writeFile(join(folder, "package-lock.json"), '{"changed":true}');
  expect((await setup()).code).toBe(0);
  expect(await calls()).toEqual(["ci", "rebuild", "ci", "rebuild"]);
});

test("installs again when Node is missing from an installation", async () => {
  await setup();
  await rm(join(folder, "node_modules/.bin/node"));
  expect((await setup()).code).toBe(0);
  expect(await calls()).toHaveLength(4);
});

test("if several start at once, one installs and the others use the result", async () => {
  const results = await Promise.all([1, 2, 3].map(() => setup({ FAKE_MS: "300" })));
  expect(results.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(await calls()).toEqual(["ci", "rebuild"]);
});

test("takes over from one that was killed", async () => {
  await mkdir(join(folder, ".runner-relay"));
  const lock = join(folder, ".runner-relay/setup.lock");
  await writeFile(lock, "killed");
  const longAgo = new Date((await stat(lock)).mtimeMs - 60_000);
  await utimes(lock, longAgo, longAgo);
  expect((await setup()).code).toBe(0);
});

test("passes npm's exit code on, says what failed, and tries again next time", async () => {
  const failed = await setup({ FAKE_CODE: "7" });
  expect(failed.code).toBe(7);
  expect(failed.err).toContain("npm ci failed with exit code 7");
  expect((await setup()).code).toBe(0);
});

test("where npm's Node cannot run, as with musl, the system's is used if it is new enough", async () => {
  const foreign = join(folder, "foreign-node");
  await writeFile(foreign, "#!/nowhere/ld-linux\n", { mode: 0o755 });
  const result = await setup({ FAKE_NODE: foreign });
  expect(result).toMatchObject({ code: 0, err: "" });
  expect(result.out).toContain(`setup: done, Node ${process.version}`);
  expect(await realpath(join(folder, "node_modules/.bin/node"))).toBe(await realpath(process.execPath));
});

test("does not take another Node for the one it should have", async () => {
  const fake = join(folder, "old-node");
  await writeFile(fake, "#!/bin/sh\necho v18.0.0\n", { mode: 0o755 });
  const result = await setup({ FAKE_NODE: fake });
  expect(result.code).toBe(1);
  expect(result.err).toContain("should be Node 24 but says v18.0.0");
});
