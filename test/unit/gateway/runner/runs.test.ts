import { expect, test } from "vitest";
import { createRuns, type Runs } from "../../../../src/gateway/runner/runs.ts";

function learning(): { runs: Runs; written: string[] } {
  const written: string[] = [];
  const runs = createRuns({
    read: () => [["r0", "s0"]],
    write: (all) => void written.push(JSON.stringify(all)),
  });
  return { runs, written };
}

test.each([
  ['{"run":{"run_id":"r","session_id":"s"}}', "s"],
  ['{"run_id":"r","session_id":"s","other":[{"run_id":"x"}]}', "s"],
  ['{"run":null,"run_id":"r","session_id":"s"}', "s"],
  ['{"run":{"run_id":"x","run_id":"r","session\\u005fid":"s"}}', "s"],
  ['{"run":{"run_id":"r"},"session_id":"s"}', undefined],
  ['{"run":{"run_id":"r","session_id":7}}', undefined],
  ['{"run":{"run_id":"r","session_id":"a/b"}}', undefined],
  ['\ufeff{"run":{"run_id":"r","session_id":"s"}}', "s"],
  ['\ufeff\ufeff{"run_id":"r","session_id":"s"}', undefined],
  ['[{"run_id":"r","session_id":"s"}]', undefined],
  ['{"run":{"run_id":"r","session_id":"s"}', undefined],
  ["", undefined],
])("what an answer tells of a run: %s", (text, session) => {
  const { runs, written } = learning();
  runs.learn(Buffer.from(text));
  expect(runs.sessionOf("r")).toBe(session);
  expect(runs.sessionOf("r0")).toBe("s0");
  expect(written).toHaveLength(session === undefined ? 0 : 1);
});

test("BOUND-1: neither long names nor many values are kept, or built", () => {
  const { runs, written } = learning();
  const long = "x".repeat(100_000);
  const many = `[${"{},".repeat(80_000)}{}]`;
  const deep = "[".repeat(200_000);
  const before = process.memoryUsage().heapUsed;
  for (const text of [
    `{"run":{"run_id":"${long}","session_id":"s"}}`,
    `{"run":{"run_id":"r","session_id":"${long}"}}`,
    `{"run":{"run_id":${many},"session_id":"s"}}`,
    `{"run":${many},"x":${many}}`,
    `{"run":${deep}`,
  ]) {
    runs.learn(Buffer.from(text));
  }
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(8 << 20);
  expect(written).toEqual([]);
});
