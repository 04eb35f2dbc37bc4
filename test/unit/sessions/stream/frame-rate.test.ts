import { expect, test } from "vitest";
import {
  createFrameRate,
  FRAMES_AT_ONCE,
  FRAMES_PER_SECOND,
} from "../../../../src/sessions/stream/frame-rate.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

test("BOUND-1: a socket may send some frames at once, and then so many per second", () => {
  const clock = createFakeClock();
  const rate = createFrameRate(() => clock.now());
  const taken = (): number => Array.from({ length: 10_000 }, () => rate.take()).filter(Boolean).length;
  expect(taken()).toBe(FRAMES_AT_ONCE);
  clock.jump(1000);
  expect(taken()).toBe(FRAMES_PER_SECOND);
  clock.jump(3_600_000);
  expect(taken()).toBe(FRAMES_AT_ONCE);
});
