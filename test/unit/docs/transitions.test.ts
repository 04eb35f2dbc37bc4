import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { gatePhase } from "../relay/coordinator/gate-phase.machine.ts";
import { heldSession } from "../relay/lanes/held/held-session.machine.ts";
import { lanePhase } from "../relay/lanes/lane-phase.machine.ts";
import { shardPhase } from "../relay/source/shard-phase.machine.ts";
import { tablesOf, transitionsOf, type Machine } from "./state-machine.ts";

/**
 * The transition tables of docs/architecture.md say what the code does. To add a machine: write its table in a section of its own that cites its source
 * first; put samples of its states and events beside its unit test (`<name>.machine.ts`, a {@link Machine}); and name it here.
 */
// a machine takes its own states only, so their common type is that of none
const MACHINES = [lanePhase, heldSession, shardPhase, gatePhase] as unknown as Machine<unknown, unknown>[];

const page = readFileSync(resolve(import.meta.dirname, "../../../docs/architecture.md"), "utf8");
const tables = tablesOf(page);

test("every machine has its table, and every table its machine", () => {
  expect([...tables.keys()].sort()).toEqual(MACHINES.map(({ file }) => file).sort());
});

test.each(MACHINES.map((machine) => [machine.file, machine] as const))(
  "the table of %s says what it does",
  (file, machine) => {
    expect(transitionsOf(machine)).toEqual(tables.get(file));
  },
);

test.each(MACHINES.map((machine) => [machine.file, machine] as const))(
  "the samples of %s go by their states' names",
  (_, { states, nameOf }) => {
    for (const [name, samples] of Object.entries(states)) {
      expect(samples.length).toBeGreaterThan(0);
      for (const state of samples) expect(nameOf(state)).toBe(name);
    }
  },
);

describe("a table that is not true is found", () => {
  const lamp: Machine<{ name: string }, { to: string }> = {
    file: "src/lamp.ts",
    nameOf: ({ name }) => name,
    step: (state, { to }) => (state.name === to ? [state, []] : [{ name: to }, [{ do: "click" }]]),
    states: { on: [{ name: "on" }], off: [{ name: "off" }] },
    events: { press: [{ to: "on" }, { to: "off" }] },
  };
  const table = (rows: string): string =>
    `## A lamp\nHere is \`src/lamp.ts\`.\n\n| in | on | when | becomes | does |\n|---|---|---|---|---|\n${rows}\n## Next\n`;

  test("and one that is true is not", () => {
    const page = table(
      "| `on` | `press` | it was on | `off` | `click` |\n| `off` | `press` | | `on` | `click` |",
    );
    expect(tablesOf(page).get("src/lamp.ts")).toEqual(transitionsOf(lamp));
  });

  test.each([
    ["a row is missing", "| `on` | `press` | | `off` | `click` |"],
    ["an effect is missing", "| `on` | `press` | | `off` | |\n| `off` | `press` | | `on` | `click` |"],
    ["a row too many", "| `on, off` | `press` | | `off` | `click` |\n| `off` | `press` | | `on` | `click` |"],
  ])("%s", (_, rows) => {
    expect(tablesOf(table(rows)).get("src/lamp.ts")).not.toEqual(transitionsOf(lamp));
  });
});
