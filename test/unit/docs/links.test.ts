import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../../..");
const pages = [
  "README.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => `docs/${file.replaceAll("\\", "/")}`),
];

test.each(pages)("%s names only files that are there", (page) => {
  const text = readFileSync(join(ROOT, page), "utf8");
  const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, to]) =>
    resolve(ROOT, dirname(page), to ?? ""),
  );
  const paths = [...text.matchAll(/`((?:src|test|docs|deploy|bench|examples|scripts)\/[\w./-]*\w)`/g)].map(
    ([, to]) => resolve(ROOT, to ?? ""),
  );
  expect([...links, ...paths].filter((file) => !existsSync(file))).toEqual([]);
});

test("pages are seen", () => {
  expect(pages.length).toBeGreaterThan(10);
});
