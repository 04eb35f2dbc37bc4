import { expect, test } from "vitest";
import { kill } from "./campaigns/kill.ts";
import { createReport } from "./report.ts";
import { withoutTimed } from "./timed.ts";

test("DURABLE-1, ORDER-1, SETTLE-1: kill -9 of everything loses nothing (the campaign in miniature)", async () => {
  const lines: string[] = [];
  const report = createReport((line) => lines.push(line));
  const size = { waiting: 3, async: 6, perSecond: 10, leastPerSecond: 10 };
  await kill({ seed: 1, rounds: 6, gapMs: 500, ...size }, report);
  expect(withoutTimed(report.failed), lines.join("\n")).toEqual([]);
}); // a lost event is waited for
