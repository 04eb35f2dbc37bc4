import { expect, test } from "vitest";
import { runnerCall, usableRunnerId } from "../../../../src/shared/messages/runner-call.ts";

test.each([
  ["GET", "/runner/runs?runner_id=lnch_1", { kind: "poll", runner: "lnch_1" }],
  ["GET", "/runner/runs/?runner_id=lnch_1", { kind: "poll", runner: "lnch_1" }],
  ["GET", "/runner/runs?a=b&runner_id=a%20b", { kind: "poll", runner: "a b" }],
  ["GET", "/runner/runs", { kind: "poll", runner: undefined }],
  ["GET", "/runner/runs?runner_id=a%2Fb", { kind: "poll", runner: undefined }],
  ["GET", `/runner/runs?runner_id=${"x".repeat(201)}`, { kind: "poll", runner: undefined }],
  ["POST", "/runner/register", { kind: "register" }],
  ["POST", "/runner/register//?x", { kind: "register" }],
  ["POST", "/runner/heartbeat/", { kind: "heartbeat" }],
  ["GET", "/runner/register", undefined],
  ["POST", "/runner/runs", undefined],
  ["GET", "/runner/runs/run_1", undefined],
  ["POST", "/runner/runs/run_1/started", undefined],
  ["GET", "/Runner/runs", undefined],
  ["GET", "/", undefined],
])("which call a request is: %s %s", (method, target, call) => {
  expect(runnerCall(method, target)).toEqual(call);
});

test("a path of slashes costs no more than its length", () => {
  const began = performance.now();
  expect(runnerCall("GET", `${"/".repeat(2_000_000)}x`)).toBeUndefined();
  expect(performance.now() - began).toBeLessThan(1000);
});

test.each([[7], [null], [undefined], [""], ["a/b"], ["a\nb"]])("an id that cannot be a name: %j", (id) => {
  expect(usableRunnerId(id)).toBeUndefined();
});
