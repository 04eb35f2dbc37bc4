import { expect, test } from "vitest";
import { drainTime } from "../../../../src/shared/base/drain.ts";
import { UNDER_UP } from "../../../../src/shared/base/parent.ts";

test("a process that up keeps has less time to stop than one on its own, and both are bounded by seconds", () => {
  const alone = drainTime(["node", "main.ts"]);
  const under = drainTime(["node", "main.ts", UNDER_UP]);
  expect(under).toBeGreaterThan(0);
  expect(under, "up is to end within half a second").toBeLessThan(500);
  expect(alone).toBeGreaterThan(under);
  expect(alone).toBeLessThan(5000);
});
