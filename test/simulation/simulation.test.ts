import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { Disk } from "./broker/broker.ts";
import type { Tally } from "./counts.ts";
import { MUTATIONS } from "./mutations.ts";
import { patchSources } from "./sources.ts";
import type { Part, Step } from "./steps.ts";

// docs/reliability.md says what is simulated and what is not. `npm run simulate` runs more histories, from other seeds.

patchSources();
const { optionsOf, runCampaign } = await import("./campaign.ts");
const { runHistory } = await import("./history.ts");
const { runSessionHistory: sessionHistory } = await import("./sessions/history.ts");
const { shrink } = await import("./shrink.ts");
const { isFault, stepsOf, STEPS } = await import("./steps.ts");
const { provisionedDisk } = await import("./world.ts");

let disk: Disk;
beforeAll(async () => {
  disk = await provisionedDisk();
});

function campaign(part: Part | "sessions", histories: number): Promise<Tally> {
  return runCampaign({ disk, part, seed: 1, histories });
}

test("a seed is the same history of sessions every time", async () => {
  const [first, second, other] = [await sessionHistory(1), await sessionHistory(1), await sessionHistory(2)];
  expect([second.hash, second.events]).toEqual([first.hash, first.events]);
  expect(other.hash).not.toBe(first.hash);
});

test.each(["log", "whole", "routed"] as const)("a seed is the same history every time: %s", async (part) => {
  const hashes = new Set<string>();
  for (let seed = 1; seed <= 5; seed++) {
    const first = await runHistory(optionsOf({ disk, part }, seed));
    const second = await runHistory(optionsOf({ disk, part }, seed));
    expect([second.hash, second.events]).toEqual([first.hash, first.events]);
    hashes.add(first.hash);
  }
  expect(hashes.size).toBe(5); // another seed is another one
});

test("a history has 50 steps, and two faults among them at least", () => {
  for (let seed = 1; seed <= 1000; seed++) {
    const steps = stepsOf(seed, "whole");
    expect(steps.length).toBe(STEPS);
    expect(steps.filter(isFault).length).toBeGreaterThanOrEqual(2);
  }
});

describe("DURABLE-1, ORDER-1, SETTLE-1, ONCE-1 in histories with faults", () => {
  test("9,700 histories of the way into the log", async () => {
    const { failed, faults, broker, outcomes } = await campaign("log", 9700);
    expect(failed).toEqual([]);
    expect(Object.values(faults).every((count) => count > 1000)).toBe(true);
    for (const code of ["10008", "10077", "10201", "10210", "duplicate", "batch", "crash"])
      expect(broker[code]).toBeGreaterThan(0);
    for (const outcome of ["stored", "log_full", "log_unreachable"])
      expect(outcomes[outcome]).toBeGreaterThan(0);
  });

  test("200 histories of the whole way", async () => {
    const { failed, moves, coordinator, repeats } = await campaign("whole", 200);
    expect(failed).toEqual([]);
    expect(Object.keys(moves).length).toBeGreaterThan(60);
    for (const answer of ["200", "401", "422", "502", "503", "connect", "reset"])
      expect(coordinator[answer]).toBeGreaterThan(0);
    expect(repeats).toBeGreaterThan(0);
  });

  test("150 histories of the whole way, where deliveries are lost between servers and copies are behind or empty", async () => {
    const { failed, faults, broker } = await campaign("routed", 150);
    expect(failed).toEqual([]);
    expect([faults["lossy"], faults["stale"], broker["stale"]]).not.toContain(undefined);
  });
});

test("SEEN-1, WATCH-1, OWNER-1 in 100 histories of sessions", async () => {
  const { failed, faults, outcomes } = await campaign("sessions", 100);
  expect(failed).toEqual([]);
  expect(Object.keys(faults).length).toBe(11);
  for (const outcome of ["confirmed", "takeovers", "watched"]) expect(outcomes[outcome]).toBeGreaterThan(200);
});

test("every mutation changes what is there", () => {
  for (const { name, patches } of MUTATIONS)
    for (const { file, find } of patches) {
      const text = readFileSync(resolve(import.meta.dirname, `../..${file}`), "utf8");
      expect(text.split(find).length, name).toBe(2);
    }
});

test("negative control: a broker that does not sync loses what it acknowledged, and that is seen", async () => {
  const world = { syncAlways: false, poisonPolicy: "skip" } as const;
  const { failed } = await runCampaign({
    disk,
    part: "log",
    seed: 1,
    histories: 100,
    world,
    enough: (tally) => tally.failed.length > 0,
  });
  expect(failed[0]?.problem).toMatch(/DURABLE-1/);
});

const FOUND: readonly { what: string; part: Part; seed: number; steps: Step[] }[] = [
  {
    what: "a write that is being stored elsewhere is not refused",
    part: "log",
    seed: 30,
    steps: [
      { wait: 1.1755134772609033, do: "hang", ms: 23, by: 3135 },
      { wait: 12.316829938192766, do: "send", session: 1, count: 2, keyed: false },
    ],
  },
  {
    what: "ORDER-1: a relay that stood still while the broker started again asks first",
    part: "whole",
    seed: 20841,
    steps: [
      { wait: 8.582198785010705, do: "send", session: 0, count: 14, keyed: true },
      { wait: 3.2849588015075732, do: "send", session: 0, count: 1, keyed: false },
      { wait: 3.3395808174911767, do: "stop_relay", ms: 2139 },
      { wait: 16.0313747705842, do: "restart_relay" },
      { wait: 47.213476719018935, do: "crash_broker", ms: 437 },
    ],
  },
];

test.each(FOUND)("found before: $what", async ({ part, seed, steps }) => {
  expect((await runHistory({ ...optionsOf({ disk, part }, seed), steps })).problems).toEqual([]);
});

test("a counterexample is made small", async () => {
  const sends = stepsOf(1, "log").filter((step) => !isFault(step));
  const steps: Step[] = [...sends.slice(0, 20), { wait: 1, do: "kill_gateway" }, ...sends.slice(20, 30)];
  const fails = (some: readonly Step[]): Promise<boolean> =>
    Promise.resolve(some.some((step) => step.do === "kill_gateway") && some.length > 1);
  expect(await shrink(steps, fails)).toHaveLength(2);
});
