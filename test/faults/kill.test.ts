import { expect, test } from "vitest";
import { kill } from "./campaigns/kill.ts";
import { createReport } from "./report.ts";

/**
 * What `npm run faults` judges and a test cannot: six kills say nothing about the share of repeats, and beside other tests a process may not
 * run at all for a second, so that its checkpoint is older than that.
 */
const BY_THE_CLOCK = ["repeats: ", "repeats no crash within a second excuses"];

test("DURABLE-1, ORDER-1, SETTLE-1: kill -9 of everything loses nothing (the campaign in miniature)", async () => {
  const lines: string[] = [];
  const report = createReport((line) => lines.push(line));
  const size = { waiting: 3, async: 6, perSecond: 10, leastPerSecond: 10 };
  await kill({ seed: 1, rounds: 6, gapMs: 500, ...size }, report);
  expect(
    report.failed.filter((line) => !BY_THE_CLOCK.some((name) => line.startsWith(name))),
    lines.join("\n"),
  ).toEqual([]);
}, 120_000); // a lost event is waited for
