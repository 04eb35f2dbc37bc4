import { expect, test } from "vitest";
import { judgeCoordinatorSessions } from "../../../../../src/shared/messages/checks/coordinator-sessions.ts";
import type { LaneView, RelayView } from "../../../../../src/shared/messages/standing/relay-view.ts";

const NOTHING_HELD = {
  backlog: { held: [], shards: [] },
  controls: { sessions: [] },
} as unknown as Parameters<typeof judgeCoordinatorSessions>[1];

function viewOf(gate: RelayView["gate"], lane: Partial<LaneView>): RelayView {
  const lanes = [
    { session: "ses_1", shard: 0, phase: "ready", events: 1, attempts: 1, reason: "ECONNREFUSED", ...lane },
  ];
  return { gate, lanes, more: 0 } as unknown as RelayView;
}

test("an outage is the coordinator's, also for the session whose try showed it", () => {
  const away = { phase: "away", since: 5, text: "ECONNREFUSED" } as const;
  expect(judgeCoordinatorSessions([viewOf(away, {})], NOTHING_HELD, 9)).toMatchObject([
    { level: "ok", check: "sessions of the coordinator" },
  ]);
});

test("a session that fails while others are delivered is named", () => {
  const view = viewOf({ phase: "up" }, { phase: "backoff", reason: "status 500" });
  expect(judgeCoordinatorSessions([view], NOTHING_HELD, 9)).toMatchObject([
    { level: "warn", check: "coordinator session ses_1" },
  ]);
});
