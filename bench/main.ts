import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { compare } from "./compare.ts";
import type { Figure } from "./figure.ts";
import { describeMachine } from "./machine.ts";
import { heading, jsonOf, lineOf } from "./report.ts";
import type { Row } from "./row.ts";
import { backlog } from "./rows/backlog.ts";
import { batch, drain } from "./rows/drain.ts";
import { hooks } from "./rows/hooks.ts";
import { ingest } from "./rows/ingest.ts";
import { latency } from "./rows/latency.ts";
import { memory } from "./rows/memory.ts";
import { passthrough } from "./rows/passthrough.ts";
import { path } from "./rows/path.ts";
import { start } from "./rows/start.ts";
import { takeover } from "./rows/takeover.ts";
import { turns } from "./rows/turns.ts";
import { watch } from "./rows/watch.ts";

// rows/ what is measured · product.ts our processes · peers/ the load and the limits · rounds.ts takes turns · figure.ts judges · compare.ts runs two revisions
// drain.ts backlogs and their end · fill.ts fills the log · usage.ts processor and memory

const ROWS: readonly Row[] = [
  ingest,
  latency,
  passthrough,
  path,
  drain,
  batch,
  backlog,
  start,
  memory,
  watch,
  turns,
  hooks,
  takeover,
];
const NAMES = ROWS.map(({ name }) => name).join(", ");

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    only: { type: "string", multiple: true, default: [] },
    profile: { type: "string" },
    compare: { type: "string" },
    rounds: { type: "string", default: "3" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(
    [
      "npm run bench -- [--quick] [--json FILE] [--only ROW]... [--profile DIR]",
      "npm run bench -- --compare REVISION [--rounds N] [--only ROW]...",
      "",
      "Measures what docs/performance.md promises, each figure in turn with its limit.",
      `Rows: ${NAMES}. --profile writes a CPU profile of every gateway and relay.`,
      "--compare runs the rows with another revision and with this one in turn.",
    ].join("\n"),
  );
} else if (values.compare === undefined) process.exitCode = await measure();
else await compare({ revision: values.compare, rounds: Number(values.rounds), only: values.only });

/** Exit code: 0 also when a budget does not hold, since figures depend on the machine; 1 when a row could not be measured. */
async function measure(): Promise<number> {
  const unknown = values.only.find((name) => !ROWS.some((row) => row.name === name));
  if (unknown !== undefined) {
    console.error(`there is no row ${unknown}; rows: ${NAMES}`);
    return 2;
  }
  const machine = await describeMachine();
  const { cores, cpu, node, fsyncMs } = machine;
  console.log(`${cores} cores (${cpu}), Node ${node}, one synced write ${fsyncMs} ms\n`);
  console.log(heading());
  const figures: Figure[] = [];
  const failed: string[] = [];
  for (const row of ROWS) {
    if (values.only.length > 0 && !values.only.includes(row.name)) continue;
    try {
      await row.run({
        quick: values.quick,
        profile: values.profile,
        report(figure) {
          figures.push(figure);
          console.log(lineOf(figure));
        },
      });
    } catch (error) {
      failed.push(row.name);
      console.error(`${row.name} could not be measured:`, error);
    }
  }
  if (values.json !== undefined) await writeFile(values.json, jsonOf(machine, values.quick, figures, failed));
  return failed.length === 0 ? 0 : 1;
}
