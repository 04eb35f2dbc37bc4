import { expect, test } from "vitest";
import { createHeard } from "../../../../../src/shared/session-log/follow/heard.ts";

const of = (session: string, seq: number) => ({
  seq,
  subject: `rr.ses.${session}.out.text`,
  data: new Uint8Array(),
});

test("the newest event of each session is remembered, in whatever order they are heard", () => {
  const heard = createHeard();
  for (const [session, seq] of [
    ["a", 1],
    ["b", 2],
    ["a", 4],
    ["a", 3],
  ] as const)
    heard.note(of(session, seq));
  expect(["a", "b", "c"].map((session) => heard.of(session))).toEqual([4, 2, 0]);
  heard.forget();
  expect(heard.of("a")).toBe(0);
});
