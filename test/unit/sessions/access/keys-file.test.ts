import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { followKeysFile, readKeysFile } from "../../../../src/sessions/access/keys-file.ts";
import { sha256, type Key } from "../../../../src/sessions/access/keys.ts";
import { systemClock } from "../../../../src/shared/base/clock.ts";
import { createLogger } from "../../../../src/shared/base/logger.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "keys-"));
  file = join(folder, "keys");
});
afterEach(() => rmSync(folder, { recursive: true }));

const line = (user: string): string =>
  `${JSON.stringify({ sha256: sha256(user), user, scopes: ["read"] })}\n`;

const said: string[] = [];
const log = createLogger({ name: "serve", level: "info", lines: { write: (text) => void said.push(text) } });

/** The users of the keys, each time that they change. */
function follow(): string[][] {
  const seen: string[][] = [];
  const stop = followKeysFile(file, {
    clock: systemClock,
    log,
    replace: (keys: Key[]) => void seen.push(keys.map(({ user }) => user)),
    everyMs: 10,
  });
  onTestFinished(stop);
  return seen;
}

test("a file with a mistake stops the start, and says where it is", () => {
  expect(() => readKeysFile(file)).toThrow(/RUNNER_RELAY_SESSIONS_KEYS_FILE/);
  writeFileSync(file, `${line("ann")}oops\n`);
  expect(() => readKeysFile(file)).toThrow(/keys: line 2: not a JSON object/);
  writeFileSync(file, line("ann"));
  expect(readKeysFile(file)).toMatchObject([{ user: "ann" }]);
});

test("a change in place and a new file in its place are read", async () => {
  writeFileSync(file, line("ann"));
  const seen = follow();
  writeFileSync(file, line("ann") + line("bob"));
  await expect.poll(() => seen.at(-1)).toEqual(["ann", "bob"]);
  writeFileSync(`${file}.new`, line("cid"));
  renameSync(`${file}.new`, file);
  await expect.poll(() => seen.at(-1)).toEqual(["cid"]);
});

test("a mistake in one line takes that line's key away and no other", async () => {
  writeFileSync(file, line("ann") + line("bob"));
  const seen = follow();
  writeFileSync(file, `${line("ann")}oops\n`);
  await expect.poll(() => seen.at(-1)).toEqual(["ann"]);
  await expect.poll(() => said.join("")).toContain("line 2: not a JSON object");
});

test("a file that is gone for a while changes nothing", async () => {
  writeFileSync(file, line("ann"));
  const seen = follow();
  rmSync(file);
  await expect.poll(() => said.some((text) => text.includes("keys file cannot be read"))).toBe(true);
  expect(seen).toEqual([]);
  writeFileSync(file, line("bob"));
  await expect.poll(() => seen.at(-1)).toEqual(["bob"]);
});
