import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { patchSources } from "./sources.ts";
import type { Part, Step } from "./steps.ts";

// `npm run simulate -- --histories N --seed S [--part log|whole|routed|sessions] [--trace] [--out FILE]`
// Without `--trace`: runs N histories from a seed on, and prints what was reached. With it: runs the one history of the seed, and prints every step.

patchSources();
const { optionsOf, runCampaign } = await import("./campaign.ts");
const { rowsOf } = await import("./counts.ts");
const { runHistory } = await import("./history.ts");
const { runSessionHistory } = await import("./sessions/history.ts");
const { shrink } = await import("./shrink.ts");
const { stepsOf } = await import("./steps.ts");
const { provisionedDisk } = await import("./world.ts");

const { values } = parseArgs({
  options: {
    histories: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    part: { type: "string", default: "whole" },
    out: { type: "string" },
    trace: { type: "boolean", default: false },
  },
});
const PARTS = ["log", "whole", "routed", "sessions"] as const;
const part = partOf(values.part);
const seed = Number(values.seed);
const disk = await provisionedDisk();

/** The shortest list of steps with which a seed still fails. */
async function shrunk(way: Part, failing: number): Promise<readonly Step[]> {
  const options = optionsOf({ disk, part: way }, failing);
  return shrink(
    stepsOf(failing, way),
    async (steps) => (await runHistory({ ...options, steps })).problems.length > 0,
  );
}

function partOf(name: string): (typeof PARTS)[number] {
  const part = PARTS.find((it) => it === name);
  if (part === undefined) throw new Error(`--part is one of ${PARTS.join(", ")}`);
  return part;
}

async function traced(): Promise<number> {
  const onTrace = (line: string): void => console.log(line);
  const { problems, hash } =
    part === "sessions"
      ? await runSessionHistory(seed, onTrace)
      : await runHistory({ ...optionsOf({ disk, part }, seed), onTrace });
  console.log(`trace ${hash}`);
  for (const problem of problems) console.log(problem);
  return problems.length;
}

async function campaign(): Promise<number> {
  const began = process.cpuUsage();
  const tally = await runCampaign({
    disk,
    part,
    seed,
    histories: Number(values.histories),
    progress: ({ histories, failed }) => console.error(`${histories} histories, ${failed.length} failed`),
  });
  const { user, system } = process.cpuUsage(began);
  const page = readFileSync(resolve(import.meta.dirname, "../../docs/architecture.md"), "utf8");
  const rows = rowsOf(page, tally);
  const result = { part, seed, ...tally, rows, cpuSeconds: (user + system) / 1e6 };
  if (values.out === undefined) console.log(JSON.stringify(result, undefined, 1));
  else writeFileSync(values.out, `${JSON.stringify(result, undefined, 1)}\n`);
  const reached = rows.filter(({ count }) => count > 0).length;
  console.log(
    `${tally.histories} histories, ${tally.failed.length} failed; ${reached} of ${rows.length} rows of the tables reached`,
  );
  for (const { seed: failing, problem } of tally.failed.slice(0, 3)) {
    console.log(`seed ${failing}: ${problem}`);
    if (part !== "sessions") console.log(JSON.stringify(await shrunk(part, failing)));
  }
  return tally.failed.length;
}

process.exitCode = (await (values.trace ? traced() : campaign())) === 0 ? 0 : 1;
