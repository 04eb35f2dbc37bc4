import { expect, test } from "vitest";
import { createEnding } from "../../../../src/sessions/stream/closing.ts";

const causes = (): { stopping: AbortController; ended: AbortController } => ({
  stopping: new AbortController(),
  ended: new AbortController(),
});

test.each([
  ["auth", (of: ReturnType<typeof causes>) => of.ended.abort()],
  ["stopping", (of: ReturnType<typeof causes>) => of.stopping.abort()],
])("a stream ends for %s, and the first reason counts", (why, cause) => {
  const of = causes();
  using ending = createEnding({ stopping: of.stopping.signal, ended: of.ended.signal });
  expect(ending.why()).toBeUndefined();
  cause(of);
  ending.end("gone");
  expect([ending.why(), ending.signal.aborted]).toEqual([why, true]);
});

test("what ended before is not begun", () => {
  const of = causes();
  of.ended.abort();
  using ending = createEnding({ stopping: of.stopping.signal, ended: of.ended.signal });
  expect(ending.why()).toBe("auth");
});
