import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { BUILD_MS, type FoundTool } from "../../support/go-tool.ts";
import { findNatsCli } from "../../support/natscli.ts";
import { blocksOf } from "./blocks.ts";
import { operationsPages } from "./pages.ts";
import { openStage, type Stage } from "./stage.ts";
import { typeBlock } from "./type-block.ts";

// pages.ts lists the pages · blocks.ts reads one · type-block.ts types it · stage.ts is the machine that they assume · normal.ts says what may
// differ between two runs

const ROOT = resolve(import.meta.dirname, "../../..");
const pages = operationsPages().map((page) => ({
  page,
  path: resolve(ROOT, page),
  text: readFileSync(resolve(ROOT, page), "utf8"),
}));

test.each(pages)(
  "every code block of $page is run here, or says which test runs it, or why nobody does",
  ({ page, text }) => {
    const others = blocksOf(text).filter(({ language }) => language !== "console");
    const unaccounted = others.filter(({ runBy, notRun }) => runBy === undefined && notRun === undefined);
    expect(unaccounted.map(({ line, text: block }) => `line ${line}: ${block.split("\n")[0]}`)).toEqual([]);
    for (const { runBy } of others)
      if (runBy !== undefined) expect(existsSync(resolve(ROOT, runBy)), runBy).toBe(true);
    for (const { line, notRun } of others)
      if (notRun !== undefined) console.log(`${page}:${line} is not run: ${notRun}`);
  },
);

let nats: FoundTool;
beforeAll(async () => {
  nats = await findNatsCli(); // or builds it, beside the other files' tests
  if ("missing" in nats) expect(nats.missing).toMatch(/^no nats on the PATH, and |^no nats, and Go /);
}, BUILD_MS);

/** The page as it should be: each command with what it really shows. */
async function typePage(stage: Stage, page: string, text: string): Promise<string> {
  let written = "";
  let at = 0;
  for (const block of blocksOf(text).filter(({ language }) => language === "console")) {
    if (block.needs === "nats" && "missing" in nats) {
      console.log(`${page}:${block.line} was not run: ${nats.missing}`);
      continue;
    }
    written += text.slice(at, block.start) + (await typeBlock(stage, block));
    at = block.end;
  }
  return written + text.slice(at);
}

test(
  "each command of docs/operations does what its page shows (vitest -u writes what it really shows)",
  { timeout: 240_000 },
  async () => {
    await using stage = await openStage({
      ...("path" in nats ? { natsCli: nats.path } : {}),
      hostname: "build-7",
      profile: "ci",
      sessions: ["ses_build", "ses_docs"],
    });
    const typed: { path: string; written: string }[] = [];
    for (const { page, path, text } of pages)
      typed.push({ path, written: await typePage(stage, page, text) });
    expect(
      pages.flatMap(({ text }) => blocksOf(text)).filter(({ when }) => when !== undefined).length,
    ).toBeGreaterThan(5);
    for (const { path, written } of typed) await expect(written).toMatchFileSnapshot(path);
  },
);
