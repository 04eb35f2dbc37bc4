import { expect, test } from "vitest";
import { outage } from "./campaigns/outage.ts";
import { createReport } from "./report.ts";
import { withoutTimed } from "./timed.ts";

test("DURABLE-1, ORDER-1: a coordinator that is killed and comes back costs nothing (the campaign in miniature)", async () => {
  const lines: string[] = [];
  const report = createReport((line) => lines.push(line));
  const size = { sessions: 6, perSecond: 10, outagesMs: [3500], calmMs: 2500, knownP99Ms: 1500 };
  await outage({ seed: 1, ...size }, report);
  expect(withoutTimed(report.failed), lines.join("\n")).toEqual([]);
}); // a lost event is waited for
