import { describe, expect, test } from "vitest";
import type { SessionStanding } from "../../../../../src/shared/messages/standing/session-standing.ts";
import { standingJson, standingText } from "../../../../../src/shared/messages/standing/standing-text.ts";

const at = Date.parse("2026-11-30T02:40:00Z");
const now = at + 65_000;
const row = (more: Partial<SessionStanding>): SessionStanding => ({
  session: "s",
  shard: 1,
  state: "waiting",
  events: 1,
  attempts: 0,
  reason: "",
  ...more,
});

describe("why a session stands still, in one sentence", () => {
  test.each<[string, Partial<SessionStanding>, string]>([
    [
      "it fails",
      { state: "retrying", attempts: 2, reason: "status 500: locked", since: at, nextAt: now + 5000 },
      "failing since 2026-11-30 02:40:00 UTC (1m 5s), 2 attempts; last answer: status 500: locked; next try at 2026-11-30 02:41:10 UTC",
    ],
    [
      "everything waits",
      { reason: "the coordinator is away: reset", since: at },
      "waits since 2026-11-30 02:40:00 UTC (1m 5s): the coordinator is away: reset",
    ],
    [
      "it is paused without a reason",
      { state: "paused", since: at, by: "an operator (alice@host)" },
      "paused by an operator (alice@host) since 2026-11-30 02:40:00 UTC (1m 5s)",
    ],
    [
      "it is parked",
      { state: "parked", since: at, by: "the poison policy", reason: "status 422: no" },
      "parked by the poison policy since 2026-11-30 02:40:00 UTC (1m 5s): status 422: no; waits for `runner-relay resume --session s`",
    ],
    ["it does not", { state: "sending" }, ""],
    ["it catches up", { state: "catching up" }, ""],
  ])("%s", (_, more, text) => {
    expect(standingText(row(more), now)).toBe(text);
  });
});

test("for programs times are ISO texts, and what is not known is missing", () => {
  expect(standingJson(row({ since: at, failedAt: at + 0.4 }))).toEqual({
    ...row({}),
    since: "2026-11-30T02:40:00.000Z",
    failedAt: "2026-11-30T02:40:00.000Z",
  });
});
