import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { systemClock } from "../../../../src/shared/base/clock.ts";

test("what was due before runs soon, without a warning of Node's", async () => {
  const warned = once(process, "warning").then(([warning]: Error[]) => warning?.message);
  await new Promise<void>((done) => void systemClock.after(-185, done));
  process.emitWarning("the first one");
  expect(await Promise.race([warned, delay(60_000, undefined, { ref: false })])).toBe("the first one");
});
