import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { operationsPages } from "../../integration/docs/pages.ts";

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
const read = (page: string): string => readFileSync(join(ROOT, page), "utf8");

/** The anchors of a page's headings, as the usual viewers of Markdown make them. Pure. */
function anchorsOf(text: string): string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, "");
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** A page's links to files and sections of this repository. A link may be broken into two lines. Pure. */
function linksOf(text: string): { file: string; anchor?: string }[] {
  return [...text.matchAll(/\]\(\s*(?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].map(
    ([, file = "", anchor]) => (anchor === undefined ? { file } : { file, anchor }),
  );
}

describe.each(pages)("%s", (page) => {
  test("names only files that exist", () => {
    const links = linksOf(read(page)).map(({ file }) => resolve(ROOT, dirname(page), file));
    const paths = [
      ...read(page).matchAll(/`((?:src|test|docs|deploy|bench|examples|scripts)\/[\w./-]*\w)`/g),
    ].map(([, to]) => resolve(ROOT, to ?? ""));
    const missing = [...links, ...paths].filter((file) => !existsSync(file));
    expect(missing.map((file) => relative(ROOT, file))).toEqual([]);
  });

  test("links only to sections that exist", () => {
    const missing = linksOf(read(page)).filter(({ file, anchor }) => {
      if (anchor === undefined) return false;
      const target = file === "" ? page : join(dirname(page), file);
      return target.endsWith(".md") && !anchorsOf(read(target)).includes(anchor);
    });
    expect(missing).toEqual([]);
  });
});

test("docs/README.md lists every page of docs and docs/operations", () => {
  const listed = linksOf(read("docs/README.md")).map(({ file }) => join("docs", file));
  const own = pages.filter(
    (page) => /^docs\/(?:operations\/)?[\w-]+\.md$/.test(page) && page !== "docs/README.md",
  );
  expect(own.filter((page) => !listed.includes(page))).toEqual([]);
  expect(operationsPages().length).toBeGreaterThan(20);
});

test("anchors and links are read as a viewer of Markdown reads them", () => {
  expect(anchorsOf("# What happens when …\n```sh\n# a comment\n```\n## 2. The `answer`\n")).toEqual([
    "what-happens-when-",
    "2-the-answer",
  ]);
  expect(linksOf("[a](x.md), [b](#c) [d\ne](../f.md#g), [h](https://i.example/#j)")).toEqual([
    { file: "x.md" },
    { file: "", anchor: "c" },
    { file: "../f.md", anchor: "g" },
  ]);
  expect(pages.length).toBeGreaterThan(10);
});
