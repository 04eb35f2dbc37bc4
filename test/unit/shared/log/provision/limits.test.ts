import { JetStreamApiError } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import {
  ackPendingLimit,
  goDurationMs,
  hasNoRoom,
  refusalOf,
  windowLimitMs,
} from "../../../../../src/shared/log/provision/limits.ts";

function refusal(code: number, message: string, status = 400): JetStreamApiError {
  return new JetStreamApiError({ code: status, err_code: code, description: message });
}

test.each([
  ["2m0s", 120_000],
  ["1h0m0s", 3_600_000],
  ["1m30.5s", 90_500],
  ["100ms", 100],
  ["1.5µs", 0],
  ["10s", 10_000],
  ["", undefined],
  ["s", undefined],
  ["10", undefined],
  ["1d", undefined],
])("a duration of Go, %j, has %j ms", (text, ms) => {
  expect(goDurationMs(text)).toBe(ms);
});

test("the limits that a refusal names", () => {
  const window = refusal(10052, "duplicates window can not be larger then server limit of 2m0s", 500);
  const pending = refusal(10121, "consumer max ack pending exceeds system limit of 10000");
  expect([windowLimitMs(window), ackPendingLimit(window)]).toEqual([120_000, undefined]);
  expect([windowLimitMs(pending), ackPendingLimit(pending)]).toEqual([undefined, 10_000]);
});

test.each([
  [10026, "maximum consumers limit reached", "max_consumers"],
  [10027, "maximum number of streams reached", "max_streams"],
  [10047, "insufficient storage resources available", "max_file"],
  [10023, "insufficient resources", "max_file"],
  [10122, "stream max bytes exceeds account limit max stream bytes", "disk_max_stream_bytes"],
  [10121, "consumer max ack pending exceeds system limit of 10", "max_ack_pending"],
  [10074, "replicas > 1 not supported in non-clustered mode", "RUNNER_RELAY_REPLICAS"],
  [10005, "no suitable peers for placement", "RUNNER_RELAY_REPLICAS"],
  [10005, "no suitable peers for placement, insufficient storage", "max_file_store"],
  [10052, "duplicates window can not be larger then server limit of 100ms", "duplicate_window"],
])("a limit (%i) is named with what helps", (code, message, setting) => {
  const error = refusalOf(refusal(code, message));
  expect(error).toMatchObject({ code: "broker_limited", message: expect.stringContaining(setting) });
  expect(error.message).toContain(message);
});

test.each([
  [10047, "insufficient storage resources available", true],
  [10005, "no suitable peers for placement, insufficient storage", true],
  [10005, "no suitable peers for placement, peer offline", false],
  [10074, "replicas > 1 not supported in non-clustered mode", false],
])("a smaller log may fit (%i %s): %s", (code, message, smaller) => {
  expect(hasNoRoom(refusal(code, message))).toBe(smaller);
});

test.each([
  [10052, "some other configuration", 500, "broker_refused"],
  [10999, "a refusal of tomorrow", 400, "broker_refused"],
  [10008, "JetStream system temporarily unavailable", 503, "log_unreachable"],
])("another refusal (%i) is coded too", (code, message, status, expected) => {
  expect(refusalOf(refusal(code, message, status))).toMatchObject({ code: expected });
});
