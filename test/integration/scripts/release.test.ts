import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";

const SCRIPT = fileURLToPath(new URL("../../../scripts/release.mjs", import.meta.url));
const run = promisify(execFile);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rr-release-"));
  await mkdir(join(folder, "scripts"));
  await cp(SCRIPT, join(folder, "scripts/release.mjs"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function release(changelog: string, version?: string): Promise<string> {
  await writeFile(join(folder, "CHANGELOG.md"), changelog);
  const env = version === undefined ? {} : { npm_package_version: version };
  await run(process.execPath, [join(folder, "scripts/release.mjs")], { env });
  return readFile(join(folder, "CHANGELOG.md"), "utf8");
}

test("what was unreleased is the new version's, and a new section is opened", async () => {
  const after = await release(
    "# Changelog\n\n## Unreleased\n\n- **New**\n\n## 0.1.0 (2026-01-01)\n\n- Old\n",
    "0.2.0",
  );
  expect(after).toMatch(
    /^# Changelog\n\n## Unreleased\n\n## 0\.2\.0 \(\d{4}-\d\d-\d\d\)\n\n- \*\*New\*\*\n\n## 0\.1\.0 \(2026-01-01\)\n\n- Old\n$/,
  );
});

test.each([
  ["nothing is new", "## Unreleased\n\n## 0.1.0 (2026-01-01)\n", "0.2.0", /nothing to release/],
  ["nothing at all", "## Unreleased\n", "0.2.0", /nothing to release/],
  ["there is no section", "# Changelog\n", "0.2.0", /no heading/],
  ["the version has a section", "## Unreleased\n\n- New\n\n## 0.2.0 (2026-01-01)\n", "0.2.0", /already/],
  ["npm does not run it", "## Unreleased\n\n- New\n", undefined, /npm version/],
])("it refuses where %s", async (_, changelog, version, why) => {
  await expect(release(changelog, version)).rejects.toThrow(why);
  expect(await readFile(join(folder, "CHANGELOG.md"), "utf8")).toBe(changelog);
});
