import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";

/**
 * What sources and documents cite is there, and nothing cites what lies outside of this repository. The forms are `docs/contract.md, "The answer"`
 * (a document and one of its headings, without the number), `ADR 0005`, and the name of an invariant.
 */

const ROOT = resolve(import.meta.dirname, "../../..");
const PLACES = ["src", "test", "bench", "scripts", "deploy", "docs", "examples", "README.md", "CHANGELOG.md"];
const TEXTS = /\.(?:ts|js|mjs|md|conf|yml|yaml|json|service|socket|timer|sh|html)$/;
/** Its samples are citations of nothing. */
const OWN = basename(import.meta.filename);

type Known = { headings: Map<string, Set<string>>; decisions: Set<string>; invariants: Set<string> };

/** What had been cited while documents of the authors were still beside the repository. */
const OUTSIDE = [
  /\bDESIGN\b/,
  /\bSTYLE\.md\b/,
  /\bfacts\//,
  /\bjetstream facts\b/i,
  /\bseeds?\/\d/,
  /\bissue #?\d+/i,
];
/** Names in the form of an invariant's that are none. */
const OTHER_NAMES = new Set(["UTF-8", "SHA-1", "SSH-2"]);

/** Everything that is wrong with the citations of one text. Pure. */
function faultsOf(text: string, known: Known): string[] {
  const joined = text.replaceAll(/\n\s*(?:\*(?!\/)|\/\/|#(?!#))?[ \t]*/g, " "); // a citation may be broken into two lines of a comment
  const faults = OUTSIDE.flatMap((form) => form.exec(joined)?.[0] ?? []).map((form) => `outside: ${form}`);
  for (const [, page = "", title = ""] of joined.matchAll(
    /\b((?:operations\/)?[a-z-]+\.md)\)?, "([^"]+)"/g,
  )) {
    const headings = known.headings.get(page);
    if (headings !== undefined && !headings.has(title)) faults.push(`no section: ${page}, "${title}"`);
  }
  for (const [, page = ""] of joined.matchAll(/\bdocs\/((?:operations\/)?[\w-]+\.md)\b/g))
    if (!known.headings.has(page)) faults.push(`no document: docs/${page}`);
  for (const [, number = ""] of joined.matchAll(/\b(?:ADRs? |adr\/)(\d{4})\b/g))
    if (!known.decisions.has(number)) faults.push(`no decision: ${number}`);
  for (const [name] of joined.matchAll(/\b[A-Z]{3,}-\d\b/g))
    if (!known.invariants.has(name) && !OTHER_NAMES.has(name)) faults.push(`no invariant: ${name}`);
  return faults;
}

function titlesOf(page: string): Set<string> {
  return new Set([...page.matchAll(/^#+ (?:\d+\. )?(.+)$/gm)].map(([, title]) => title ?? ""));
}

const docs = ["docs", "docs/operations"].flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((file) => file.endsWith(".md"))
    .map((file) => `${folder}/${file}`.slice("docs/".length)),
);
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");
const known: Known = {
  headings: new Map(docs.map((page) => [page, titlesOf(read(`docs/${page}`))])),
  decisions: new Set(readdirSync(join(ROOT, "docs/adr")).map((file) => file.slice(0, 4))),
  invariants: new Set(
    [...read("docs/architecture.md").matchAll(/^\| \*\*([A-Z]+-\d)\*\*/gm)].map(([, name]) => name ?? ""),
  ),
};

/** What a folder of tests installs for itself, and names with what it installs. */
const INSTALLED = /node_modules|package-lock\.json$/;

const files = PLACES.flatMap((place) =>
  statSync(join(ROOT, place)).isFile()
    ? [place]
    : readdirSync(join(ROOT, place), { recursive: true, encoding: "utf8" })
        .filter((file) => TEXTS.test(file) && basename(file) !== OWN && !INSTALLED.test(file))
        .map((file) => `${place}/${file.replaceAll("\\", "/")}`),
);

test("whatever sources and documents cite is there", () => {
  const found = files.flatMap((file) => faultsOf(read(file), known).map((fault) => `${file}: ${fault}`));
  expect(found).toEqual([]);
});

/** Files that the map at the top of a file names, as blocks of comment lines with a `·` between the names. Pure. */
function mapOf(text: string): string[] {
  const blocks = text.match(/(?:^\/\/ .*\n)+/gm) ?? [];
  return blocks
    .filter((block) => block.includes(" · "))
    .flatMap((block) => Array.from(block.matchAll(/[\w./-]+\.(?:ts|js)\b/g), ([file]) => file));
}

test("the map at the top of a file names files that are there", () => {
  const sources = files.filter((file) => file.startsWith("src/"));
  const missing = sources.flatMap((file) =>
    mapOf(read(file))
      .filter((named) => !existsSync(resolve(ROOT, dirname(file), named)))
      .map((named) => `${file}: ${named}`),
  );
  expect(missing).toEqual([]);
  expect(sources.filter((file) => mapOf(read(file)).length > 0).length).toBeGreaterThan(20);
});

test("the files and what can be cited are seen", () => {
  expect(files.length).toBeGreaterThan(400);
  expect(known.headings.get("contract.md")?.has("The answer")).toBe(true);
  expect(known.decisions.size).toBeGreaterThan(20);
  expect(known.invariants.size).toBe(16);
  const cited = files.filter((file) => /docs\/(?:contract|facts)\.md, "/.test(read(file)));
  expect(cited.length).toBeGreaterThan(30);
});

describe("a citation of nothing is found", () => {
  const some: Known = {
    headings: new Map([
      ["contract.md", titlesOf("# Contract\n## 2. The answer\n")],
      ["operations/pause.md", titlesOf("# Pause and resume\n")],
    ]),
    decisions: new Set(["0005"]),
    invariants: new Set(["ORDER-1"]),
  };
  test.each([
    ['/** (docs/contract.md, "The\n * answer"; ADR 0005, ORDER-1). UTF-8. */', []],
    ["[2](contract.md#2-the-answer), [adr](adr/0005-x.md)", []],
    ['docs/operations/pause.md, "Parked"', ['no section: operations/pause.md, "Parked"']],
    ["docs/operations/plan.md", ["no document: docs/operations/plan.md"]],
    ['docs/contract.md, "The question"', ['no section: contract.md, "The question"']],
    ['[x](contract.md), "Elsewhere"', ['no section: contract.md, "Elsewhere"']],
    ["docs/plan.md", ["no document: docs/plan.md"]],
    ["ADR 0099, docs/adr/0098-y.md", ["no decision: 0099", "no decision: 0098"]],
    ["ORDER-2", ["no invariant: ORDER-2"]],
    ["(DESIGN 5)", ["outside: DESIGN"]],
    ["(issue 11)", ["outside: issue 11"]],
    ["facts/jetstream.md", ["outside: facts/"]],
  ])("%j", (text, faults) => {
    expect(faultsOf(text, some)).toEqual(faults);
  });
});
