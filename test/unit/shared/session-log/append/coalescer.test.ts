import { expect, test } from "vitest";
import { createCoalescer } from "../../../../../src/shared/session-log/append/coalescer.ts";
import { createFakeClock } from "../../../../support/fake-clock.ts";

test("pieces go out by themselves within 50 ms, the first at once, and no timer is left", () => {
  const clock = createFakeClock();
  const sent: string[] = [];
  const { delta, flush } = createCoalescer(clock, (key, text) => sent.push(`${key}:${text}`));
  delta("a", "1");
  expect(sent).toEqual(["a:1"]);
  clock.jump(10);
  delta("a", "2");
  delta("a", "3");
  clock.jump(39);
  expect(sent).toEqual(["a:1"]);
  clock.jump(1);
  expect(sent).toEqual(["a:1", "a:23"]);
  delta("a", "4");
  delta("b", "5");
  flush();
  expect(sent.slice(2)).toEqual(["a:4", "b:5"]);
  flush();
  expect(sent).toHaveLength(4);
  expect(clock.pending()).toBe(0);
});
