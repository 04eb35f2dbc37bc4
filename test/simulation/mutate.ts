import { execFile } from "node:child_process";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { MUTATIONS } from "./mutations.ts";

// `npm run mutations [-- --most N] [--seed S]`: makes each mistake of mutations.ts, and tells which history found it. Exit code 1 if one was not found.

/** A mutation may make a history endless; then it was found, too. */
const PATIENCE_MS = 10 * 60_000;

const { values } = parseArgs({
  options: { most: { type: "string", default: "10000" }, seed: { type: "string" } },
});

type Found = { histories: number; seed?: number; problem?: string };

async function look(number: number): Promise<Found> {
  const args = [join(import.meta.dirname, "mutant.ts"), String(number), values.most, values.seed ?? ""];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: PATIENCE_MS });
    return JSON.parse(stdout) as Found;
  } catch (error) {
    if (typeof error === "object" && error !== null && "killed" in error && error.killed === true)
      return { histories: 0, problem: "it never ends" };
    throw error;
  }
}

let missed = 0;
console.log("| mutation | part | histories until found | problem |\n|---|---|---|---|");
for (const [number, { name, part }] of MUTATIONS.entries()) {
  const { histories, problem } = await look(number);
  if (problem === undefined) missed++;
  console.log(`| ${name} | ${part} | ${histories} | ${problem ?? "**not found**"} |`);
}
console.log(`${MUTATIONS.length - missed} of ${MUTATIONS.length} found`);
process.exitCode = missed === 0 ? 0 : 1;
