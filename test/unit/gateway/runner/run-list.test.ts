import * as fc from "fast-check";
import { expect, test } from "vitest";
import { givenOutBy, runOf, runsOf } from "../../../../src/gateway/runner/run-list.ts";

const run = {
  run_id: "run_1",
  session_id: "ses_1",
  runner_id: "a",
  status: "claimed",
  started_at: null,
  agent_name: null,
  parameters: { prompt: 'a "quoted", {nested} ] text' },
};
const read = {
  run: "run_1",
  session: "ses_1",
  runner: "a",
  status: "claimed",
  started: false,
  agent: undefined,
};
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

test("a list is read by its runner", async () => {
  const list = {
    total: 3,
    runs: [run, { ...run, run_id: "run_2", runner_id: "b" }, { ...run, run_id: "run_3" }],
  };
  expect(await runsOf(bytes(list), "a")).toEqual([read, { ...read, run: "run_3" }]);
  expect(await runsOf(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes(list)]), "b")).toHaveLength(1);
});

test.each([
  [{ started_at: "2026" }, { ...read, started: true }],
  [{ started_at: 0 }, { ...read, started: true }],
  [{ agent_name: "echo" }, { ...read, agent: "echo" }],
  [{ agent_name: 7 }, undefined],
  [{ agent_name: { a: 1 } }, undefined],
  [{ run_id: null }, undefined],
  [{ run_id: "../x" }, undefined],
  [{ run_id: "x".repeat(300) }, undefined],
  [{ session_id: ["s"] }, undefined],
  [{ session_id: "a/b" }, undefined],
  [{ runner_id: null }, undefined],
  [{ status: 3 }, undefined],
])("a run with %j", (change, expected) => {
  expect(runOf(bytes({ ...run, ...change }))).toEqual(expected);
});

test.each([
  "",
  "null",
  "[]",
  '{"runs":null}',
  '{"runs":{}}',
  '{"runs":[',
  '{"runs":[null,7,[],"x",{}]}',
  '{"runs":"[{}]"}',
])("a list that is none: %s", async (text) => {
  expect(await runsOf(Buffer.from(text), "a")).toEqual([]);
});

test("any JSON is read without an exception", async () => {
  await fc.assert(
    fc.asyncProperty(fc.json(), async (text) => {
      const body = Buffer.from(text);
      await runsOf(body, "a");
      await givenOutBy(body);
      runOf(body);
    }),
  );
});

test("BOUND-1: of a long list only some runs are read, and little is built", async () => {
  const many = Buffer.from(`{"runs":[${`${JSON.stringify(run)},`.repeat(20_000)}{}]}`);
  const before = process.memoryUsage().heapUsed;
  expect(await runsOf(many, "a")).toHaveLength(100);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(16 << 20);
});

test.each([
  [{ run }, { run: { run: "run_1", session: "ses_1" }, stops: [] }],
  [{ run: null }, { run: undefined, stops: [] }],
  [{ run: { run_id: "r" } }, { run: undefined, stops: [] }],
  [{ stop_sessions: ["s1", 7, null, "s2"] }, { run: undefined, stops: ["s1", "s2"] }],
  [{ stop_sessions: "s1" }, { run: undefined, stops: [] }],
  [{ stop_sessions: [["s1"], { a: "s1" }, "x".repeat(5000)] }, { run: undefined, stops: [] }],
  [{ deregistered: true }, { run: undefined, stops: [] }],
])("what an answer to a poll gives out: %j", async (answer, expected) => {
  expect(await givenOutBy(bytes(answer))).toEqual(expected);
});
