import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect, test } from "vitest";
import { importsOf, withoutComments } from "../support/imports.ts";

/** What holds for every file: its length, its name, and for tests their place and how they wait (docs/architecture.md, "Rules"). */
const ROOT = resolve(import.meta.dirname, "../..");
const SRC = join(ROOT, "src");

/** What a folder of tests installs for itself. */
const INSTALLED = /(?:^|[/\\])node_modules[/\\]/;
const MAX_LINES = 300;
const files = ["src", "test", "bench", "examples", "scripts"].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => /\.(?:[cm]?js|ts)$/.test(file) && !INSTALLED.test(file))
    .map((file) => `${folder}/${file.replaceAll("\\", "/")}`),
);

test(`no file is longer than ${MAX_LINES} lines: a second noun is hiding in there`, () => {
  const lines = (file: string): number => readFileSync(join(ROOT, file), "utf8").split("\n").length - 1;
  expect(files.length).toBeGreaterThan(1000);
  expect(files.filter((file) => lines(file) > MAX_LINES)).toEqual([]);
});

test("files are named for what they are", () => {
  const vague = files.filter((file) =>
    /(?:^|[/-])(?:utils?|helpers?|misc|common|lib)(?:[/.-]|$)/i.test(file),
  );
  expect(vague).toEqual([]);
});

/** Documents and rules for all files have no source that they could stand beside. */
const WITHOUT_SOURCE = /^docs\/|^[^/]+$/;
/** Helpers of the tests, and the bench, have tests as well: where those that do not lie in `src` do. */
const OUTSIDE = [
  { tests: /^(?:support|faults)\//, sources: resolve(import.meta.dirname, "..") },
  { tests: /^bench\//, sources: ROOT },
];

test("a unit test has the name and the place of its source, or stands in the folder whose files it tests together", () => {
  const here = import.meta.dirname;
  const tests = readdirSync(here, { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => file.endsWith(".test.ts") && !WITHOUT_SOURCE.test(file));
  expect(tests.length).toBeGreaterThan(100);
  const elsewhere = tests.filter((file) => {
    const sources = OUTSIDE.find((it) => it.tests.test(file))?.sources ?? SRC;
    const source = resolve(sources, file.replace(/\.test\.ts$/, ".ts"));
    if (existsSync(source)) return false;
    const tested = importsOf(file, withoutComments(readFileSync(join(here, file), "utf8")));
    return !tested.some(({ to }) => resolve(here, dirname(file), to).startsWith(`${dirname(source)}/`));
  });
  expect(elsewhere).toEqual([]);
});

test("tests wait by `eventually` or `expect.poll`, which have one patience: `vi.waitFor` gives up after a second", () => {
  const folder = resolve(import.meta.dirname, "..");
  const waiting = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !INSTALLED.test(file) && !file.endsWith("files.test.ts"))
    .filter((file) => /\bvi\s*\.\s*wait(?:For|Until)\b/.test(readFileSync(join(folder, file), "utf8")));
  expect(waiting).toEqual([join("support", "eventually.ts")]);
});
