import { JetStreamApiError, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { expect, test } from "vitest";
import type { LogCheck } from "../../../../src/shared/log/state/log-check.ts";
import type { Range } from "../../../../src/shared/log/state/ranges.ts";
import { absentIn, scrub, unsettledOf } from "../../../../src/relay/source/scrub.ts";

test.each<[string, number[], number, number, [number, number][]]>([
  ["all are there", [3, 4, 5], 3, 5, []],
  ["one in the middle is not", [3, 5], 3, 9, [[4, 4]]],
  ["the first is not", [4, 5], 3, 9, [[3, 3]]],
  ["nothing follows", [], 3, 9, [[3, 9]]],
  ["nothing was to be looked at", [], 3, 2, []],
  ["a page goes beyond the end", [3, 8], 3, 5, [[4, 5]]],
])("numbers that a page lacks: %s", (_, seqs, from, to, absent) => {
  expect(
    absentIn(
      seqs.map((seq) => ({ seq })),
      from,
      to,
    ),
  ).toEqual(absent);
});

/** A log of which each reading gives the events that it has by then, in pages of two. */
function logOf(readings: readonly (readonly number[])[]) {
  let [reading, pauses]: [number, number[]] = [0, []];
  return {
    pauses: () => pauses,
    deps: {
      read: async (from: number) =>
        readings[reading]
          ?.filter((seq) => seq >= from)
          .slice(0, 2)
          .map((seq) => ({ seq })),
      has: async (seq: number) => {
        const there = readings[reading];
        if (there === undefined) throw new Error("no answer");
        return there.includes(seq);
      },
      first: async () => 2,
      clock: {
        after(ms: number, fn: () => void) {
          pauses.push(ms);
          if (ms === LAG_MS) reading++;
          queueMicrotask(fn);
          return () => undefined;
        },
      },
      goesOn: () => true,
      lagMs: LAG_MS,
    },
  };
}
const LAG_MS = 8000;

test.each<[string, number[][], Range[], Range[]]>([
  ["all are there", [[1, 2, 3, 4, 5]], [], []],
  [
    "one cannot be read",
    [
      [1, 2, 4, 5],
      [1, 2, 4, 5],
    ],
    [],
    [[3, 3]],
  ],
  [
    "the last ones cannot be read",
    [
      [1, 2, 3],
      [1, 2, 3],
    ],
    [],
    [[4, 5]],
  ],
  ["one is known to be missing", [[1, 2, 4, 5]], [[3, 3]], []],
  [
    "a replica had not got them yet",
    [
      [1, 2, 3],
      [1, 2, 3, 4, 5],
    ],
    [],
    [],
  ],
  [
    "a replica had not got some, and one cannot be read",
    [
      [1, 3],
      [1, 3, 4, 5],
    ],
    [],
    [[2, 2]],
  ],
  [
    "another one is missing at the second look only",
    [
      [1, 2, 4, 5],
      [1, 2, 4],
    ],
    [],
    [[3, 3]],
  ],
  [
    "one was pruned meanwhile",
    [
      [2, 3, 4, 5],
      [2, 3, 4, 5],
    ],
    [],
    [],
  ],
])("the unsettled part of the log: %s", async (_, readings, known, unreadable) => {
  const { deps, pauses } = logOf(readings);
  expect(await scrub(deps, { from: 1, to: 5 }, known)).toEqual(unreadable);
  expect(pauses().includes(LAG_MS)).toBe(readings.length > 1); // nobody waits for nothing
});

test("a log that cannot be read is a failure, and proves nothing after a reconnect", async () => {
  const { deps } = logOf([]);
  await expect(scrub(deps, { from: 1, to: 5 }, [])).rejects.toThrow("no answer");
  expect(await scrub({ ...deps, goesOn: () => false }, { from: 1, to: 5 }, [])).toBeUndefined();
});

test("where the broker gives no page, each number is asked for", async () => {
  const there = [1, 3, 5];
  const { deps } = logOf([there, there]);
  expect(await scrub({ ...deps, read: async () => undefined }, { from: 1, to: 5 }, [])).toEqual([
    [2, 2],
    [4, 4],
  ]);
});

test("a consumer that is missing is said by its code: nothing would be delivered without it", async () => {
  const error = new JetStreamApiError({ code: 404, err_code: 10014, description: "consumer not found" });
  const jsm = { consumers: { info: () => Promise.reject(error) } } as unknown as JetStreamManager;
  const nc = {} as NatsConnection;
  const log = { state: { first_seq: 1, last_seq: 1 } };
  const check = { log, checkpoints: Array.from({ length: 8 }, () => undefined) } as unknown as LogCheck;
  await expect(unsettledOf({ nc, jsm }, check)).rejects.toMatchObject({ code: "consumer_missing" });
});
