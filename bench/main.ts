import { writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { ROW_NAMES, ROWS } from "./all-rows.ts";
import { build } from "./built.ts";
import { compare } from "./compare.ts";
import { revisionNow, saveRun, writePage } from "./history/save.ts";
import { savedOf, type Measured, type Note } from "./history/saved.ts";
import { describeMachine } from "./machine.ts";
import { heading, jsonOf, lineOf } from "./report.ts";

// rows/ what is measured · built.ts builds our processes, product.ts starts them · peers/ the load and the limits · rounds.ts takes turns · figure.ts judges · compare.ts runs two revisions
// history/ runs that were saved, and what docs/performance.md shows of them
// drain.ts backlogs and their end · fill.ts fills the log · usage.ts processor and memory

const NAMES = ROW_NAMES.join(", ");

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    only: { type: "string", multiple: true, default: [] },
    profile: { type: "string" },
    compare: { type: "string" },
    save: { type: "boolean", default: false },
    page: { type: "boolean", default: false },
    rounds: { type: "string", default: "3" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(
    [
      "npm run bench -- [--quick] [--save] [--json FILE] [--only ROW]... [--profile DIR]",
      "npm run bench -- --compare REVISION [--rounds N] [--only ROW]...",
      "npm run bench -- --page",
      "",
      "Measures what docs/performance.md promises, each figure in turn with its limit.",
      `Rows: ${NAMES}. --profile writes a CPU profile of every gateway and relay.`,
      "--save adds the run to docs/performance/ and makes tables and plots of docs/performance.md anew;",
      "--page only does the latter. --compare runs the rows with another revision and with this one in turn.",
    ].join("\n"),
  );
} else if (values.page) writePage(ROW_NAMES);
else if (values.compare === undefined) process.exitCode = await measure();
else await compare({ revision: values.compare, rounds: Number(values.rounds), only: values.only });

/** Exit code: 0 also when a budget does not hold, since figures depend on the machine; 1 when a row could not be measured. */
async function measure(): Promise<number> {
  const unknown = values.only.find((name) => !ROWS.some((row) => row.name === name));
  if (unknown !== undefined) {
    console.error(`there is no row ${unknown}; rows: ${NAMES}`);
    return 2;
  }
  const [date, load] = [new Date().toISOString(), loadavg()[0] ?? 0];
  const revision = values.save ? revisionNow() : ""; // of what runs, even if somebody changes files meanwhile
  const machine = await describeMachine();
  const { cores, cpu, node, fsyncMs } = machine;
  console.log(`${cores} cores (${cpu}), Node ${node}, one synced write ${fsyncMs} ms\n`);
  await build();
  console.log(heading());
  const measured: Measured[] = [];
  const notes: Note[] = [];
  const failed: string[] = [];
  for (const row of ROWS) {
    if (values.only.length > 0 ? !values.only.includes(row.name) : values.quick && row.long === true)
      continue;
    try {
      await row.run({
        quick: values.quick,
        profile: values.profile,
        report(figure) {
          measured.push({ by: row.name, figure });
          console.log(lineOf(figure));
        },
        note(text) {
          notes.push({ by: row.name, text });
          console.log(`${row.name}: ${text}`);
        },
      });
    } catch (error) {
      failed.push(row.name);
      console.error(`${row.name} could not be measured:`, error);
    }
  }
  const { quick } = values;
  if (values.json !== undefined) {
    const figures = measured.map(({ figure }) => figure);
    await writeFile(values.json, jsonOf(machine, quick, figures, failed));
  }
  if (values.save) {
    const run = savedOf({ date, revision, quick, load, machine }, { measured, notes, failed });
    if (run.figures.length === 0) console.error("nothing was measured, so nothing is saved");
    else {
      console.log(`\nsaved: docs/performance/${saveRun(run)}`);
      writePage(ROW_NAMES);
    }
  }
  return failed.length === 0 ? 0 : 1;
}
