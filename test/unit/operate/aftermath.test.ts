import { expect, test } from "vitest";
import { AFTERMATH_WAIT_MS, awaitAftermath, judgeAftermath } from "../../../src/operate/aftermath.ts";
import type { SessionStanding } from "../../../src/shared/messages/standing/session-standing.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

const row = (more: Partial<SessionStanding>): SessionStanding => ({
  session: "s",
  shard: 0,
  state: "sending",
  events: 1,
  attempts: 0,
  reason: "",
  ...more,
});
const failing = { attempts: 2, reason: "status 500", nextAt: 1000 };

test.each([
  ["nothing waits any more", undefined, "moves"],
  ["it is idle", row({ state: "idle" }), "moves"],
  ["it is parked again", row({ state: "parked", reason: "status 422" }), "still"],
  ["it catches up", row({ state: "catching up" }), undefined],
  ["it is on its way", row({}), undefined],
  ["it failed", row({ state: "retrying", ...failing }), "still"],
  ["everything waits", row({ state: "waiting", reason: "the coordinator is away", nextAt: 5 }), "still"],
] as const)("after a release: %s", (_, now, judged) => {
  expect(judgeAftermath(now)).toBe(judged);
});

test.each([
  ["it was not tried yet", row({ state: "retrying", ...failing }), undefined],
  ["it is on its way, the last answer is still shown", row({ attempts: 2, reason: "status 500" }), undefined],
  ["it failed again", row({ state: "retrying", ...failing, attempts: 3, nextAt: 900 }), "still"],
  ["another event is in front", row({}), "moves"],
] as const)("after a try: %s", (_, now, judged) => {
  expect(judgeAftermath(now, row({ state: "retrying", ...failing }))).toBe(judged);
});

test("after a probe of the coordinator: it is back, or still away", () => {
  const before = row({ state: "waiting", reason: "the coordinator is away", nextAt: 5 });
  expect(judgeAftermath(row({}), before)).toBe("moves");
  expect(judgeAftermath(before, before)).toBeUndefined();
  expect(judgeAftermath({ ...before, nextAt: 6 }, before)).toBe("still");
});

test("a try that has no answer in time is neither a success nor a failure", async () => {
  const clock = createFakeClock();
  const failed = row({ state: "retrying", ...failing });
  const standings = { sending: row({}), failed, gone: undefined };
  const after = async (last: keyof typeof standings): Promise<unknown> => {
    let reads = 0;
    const waited = awaitAftermath(async () => (reads++ === 0 ? row({}) : standings[last]), clock);
    await clock.pass(AFTERMATH_WAIT_MS + 100);
    return waited;
  };
  expect(await after("sending")).toEqual({ kind: "unknown" });
  expect(await after("failed")).toEqual({ kind: "still", standing: failed });
  expect(await after("gone")).toEqual({ kind: "moves" });
});
