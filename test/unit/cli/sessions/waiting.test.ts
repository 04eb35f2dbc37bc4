import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { sayIfWaiting } from "../../../../src/cli/sessions/waiting.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a turn that no worker begins is said to wait, once", () => {
  const said: string[] = [];
  using _ = sayIfWaiting((text) => said.push(text));
  vi.advanceTimersByTime(4999);
  expect(said).toEqual([]);
  vi.advanceTimersByTime(60_000);
  expect(said).toEqual([expect.stringContaining("no worker")]);
});

test("nothing is said of a turn that has begun, or is not followed any more", () => {
  const said: string[] = [];
  sayIfWaiting((text) => said.push(text)).begun();
  {
    using _ = sayIfWaiting((text) => said.push(text));
  }
  vi.advanceTimersByTime(60_000);
  expect(said).toEqual([]);
});
