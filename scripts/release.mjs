// Runs in `npm version NEW`, after npm has changed package.json and the lock file and before it commits and tags: makes the changelog's section
// "Unreleased" the section of this version, and opens a new one. Plain JavaScript, no dependencies.

import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const file = join(dirname(fileURLToPath(import.meta.url)), "..", "CHANGELOG.md");
const HEADING = "## Unreleased\n";

const version = process.env.npm_package_version ?? fail("run it by `npm version`");
const text = readFileSync(file, "utf8");
const [before, after] = text.split(HEADING);
if (after === undefined) fail(`CHANGELOG.md has no heading "${HEADING.trim()}"`);
if (/^\s*(?:## |$)/.test(after))
  fail("nothing stands under Unreleased in CHANGELOG.md: there is nothing to release");
if (text.includes(`## ${version} (`)) fail(`CHANGELOG.md has a section for ${version} already`);
const day = new Date().toISOString().slice(0, "2026-01-01".length);
writeFileSync(file, `${before}${HEADING}\n## ${version} (${day})\n${after}`);

function fail(why) {
  console.error(`release: ${why}`);
  process.exit(1);
}
