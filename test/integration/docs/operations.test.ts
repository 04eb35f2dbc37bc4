import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { natsCli } from "../../support/natscli.ts";
import { blocksOf } from "./blocks.ts";
import { openStage } from "./stage.ts";
import { typeBlock } from "./type-block.ts";

// blocks.ts reads the page · type-block.ts types it · stage.ts is the machine that it assumes · normal.ts says what may differ between two runs

const ROOT = resolve(import.meta.dirname, "../../..");
const PAGE = resolve(ROOT, "docs/operations.md");

test("every code block of docs/operations.md is run here, or says which test runs it, or why nobody does", () => {
  const others = blocksOf(readFileSync(PAGE, "utf8")).filter(({ language }) => language !== "console");
  const unaccounted = others.filter(({ runBy, notRun }) => runBy === undefined && notRun === undefined);
  expect(unaccounted.map(({ line, text }) => `line ${line}: ${text.split("\n")[0]}`)).toEqual([]);
  for (const { runBy } of others)
    if (runBy !== undefined) expect(existsSync(resolve(ROOT, runBy)), runBy).toBe(true);
  for (const { line, notRun } of others)
    if (notRun !== undefined) console.log(`docs/operations.md:${line} is not run: ${notRun}`);
});

test(
  "each command of docs/operations.md does what the page shows (vitest -u writes what it really shows)",
  { timeout: 240_000 },
  async () => {
    const page = readFileSync(PAGE, "utf8");
    const nats = natsCli();
    const blocks = blocksOf(page).filter(({ language }) => language === "console");
    expect(blocks.length).toBeGreaterThan(0);
    await using stage = await openStage({
      ...("path" in nats ? { natsCli: nats.path } : {}),
      hostname: "build-7",
      profile: "ci",
      sessions: ["ses_build", "ses_docs"],
    });
    let written = "";
    let at = 0;
    for (const block of blocks) {
      if (block.needs === "nats" && "missing" in nats) {
        console.log(`docs/operations.md:${block.line} was not run: ${nats.missing}`);
        continue;
      }
      written += page.slice(at, block.start) + (await typeBlock(stage, block));
      at = block.end;
    }
    await expect(written + page.slice(at)).toMatchFileSnapshot(PAGE);
  },
);
