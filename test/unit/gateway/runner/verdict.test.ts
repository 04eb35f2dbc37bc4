import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  afterFailedRegister,
  breaksTheWay,
  holdOn,
  isOurs,
  LEAST_HOLD_MS,
  mayHaveArrived,
  POLL_MS,
} from "../../../../src/gateway/runner/verdict.ts";

test.each([
  ["relay_unavailable", { ours: true, arrived: false, breaks: true }],
  ["log_unreachable", { ours: true, arrived: false, breaks: true }],
  ["tunnel_busy", { ours: true, arrived: false, breaks: false }],
  ["relay_lost", { ours: true, arrived: true, breaks: true }],
  ["tunnel_broken", { ours: true, arrived: true, breaks: true }],
  ["gateway_stopping", { ours: true, arrived: true, breaks: false }],
  ["coordinator_unreachable", { ours: false, arrived: true, breaks: false }],
  ["coordinator_timeout", { ours: false, arrived: true, breaks: false }],
  ["path_not_allowed", { ours: false, arrived: true, breaks: false }],
  ["token_unavailable", { ours: false, arrived: true, breaks: false }],
] as const)("whose failure %s is", (code, { ours, arrived, breaks }) => {
  expect([isOurs(code), mayHaveArrived(code), breaksTheWay(code)]).toEqual([ours, arrived, breaks]);
});

test("a held poll is answered after a second at the earliest, after 30 s at the latest, and when the way is back", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 31_000 }),
      fc.integer({ min: 0, max: 40_000 }),
      (failedAt, backAt) => {
        let at = failedAt;
        for (let ms = holdOn(at, at >= backAt); ms > 0; ms = holdOn(at, at >= backAt)) {
          expect(ms).toBeLessThanOrEqual(LEAST_HOLD_MS);
          at += ms;
        }
        expect(at).toBeGreaterThanOrEqual(LEAST_HOLD_MS);
        expect(at).toBeLessThanOrEqual(Math.max(failedAt, POLL_MS));
        expect(at - Math.max(failedAt, Math.min(backAt, POLL_MS))).toBeLessThanOrEqual(LEAST_HOLD_MS);
      },
    ),
  );
});

test.each([
  [{ elapsedMs: 0, known: true, stopping: false }, "answer_known"],
  [{ elapsedMs: 30_000, known: true, stopping: true }, "answer_known"],
  [{ elapsedMs: 24_999, known: false, stopping: false }, "try_again"],
  [{ elapsedMs: 25_000, known: false, stopping: false }, "give_up"],
  [{ elapsedMs: 0, known: false, stopping: true }, "give_up"],
] as const)("a registration whose way failed: %j", (state, step) => {
  expect(afterFailedRegister(state)).toBe(step);
});
