import { expect, test } from "vitest";
import { judgeStaging } from "../../../../src/operate/doctor/staging.ts";

test.each([
  [{ where: "memory" }, "ok", "staged in memory until they are in the log"],
  [{ where: "disk", why: undefined }, "ok", "`staging_on_disk`"],
  [{ where: "disk", why: "there is no tmpfs at /dev/shm" }, "warn", "there is no tmpfs at /dev/shm"],
] as const)("%j", (fact, level, text) => {
  expect(judgeStaging(fact)).toMatchObject({
    check: "batches",
    level,
    text: expect.stringContaining(text) as string,
  });
});
