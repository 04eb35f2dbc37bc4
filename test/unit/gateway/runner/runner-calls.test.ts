import { expect, test } from "vitest";
import { runnerCallOf, type RunnerCall } from "../../../../src/gateway/runner/runner-calls.ts";

const body = Buffer.from('{"runner_id":"lnch_1"}');
const lives: RunnerCall = { kind: "lives", runner: "lnch_1" };

test.each<[string, string, RunnerCall | undefined]>([
  ["POST", "/runner/register", { kind: "register", body }],
  ["POST", "/runner/register/", { kind: "register", body }],
  ["GET", "/runner/register", undefined],
  ["GET", "/runner/runs?runner_id=lnch_1", lives],
  ["GET", "/runner/runs/?x=1&runner_id=lnch%5F1", lives],
  ["GET", "/runner/runs", undefined],
  ["POST", "/runner/heartbeat", lives],
  ["DELETE", "/runners/lnch_1?self=true", { kind: "leaves", runner: "lnch_1" }],
  ["DELETE", "/runners/lnch_1?force=1&self=true", { kind: "leaves", runner: "lnch_1" }],
  ["DELETE", "/runners/lnch_1", undefined],
  ["DELETE", "/runners/a/b?self=true", undefined],
  ["GET", "/runners/lnch_1?self=true", undefined],
  ["GET", "/", undefined],
])("%s %s", (method, target, expected) => {
  expect(runnerCallOf({ method, target, body: { kind: "whole", bytes: body } })).toEqual(expected);
});

test.each([{ kind: "none" }, { kind: "frames" }] as const)("without a body that was read: $kind", (none) => {
  for (const path of ["register", "heartbeat"])
    expect(runnerCallOf({ method: "POST", target: `/runner/${path}`, body: none })).toBeUndefined();
});
