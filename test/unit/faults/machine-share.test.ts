import { expect, test } from "vitest";
import { readStat, shareBetween } from "../../faults/machine-share.ts";

test("the machine's times are those of the first line, whatever the kernel adds to it", () => {
  const stat = "cpu  10 1 5 70 4 2 3 5 9 9\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
  expect(readStat(stat)).toEqual({ idle: 740, stolen: 50, all: 1000 });
  expect(readStat("cpu  10 1 5 70\n")).toEqual({ idle: 700, stolen: 0, all: 860 });
});

test("what is neither named, idle nor stolen, others used", () => {
  const from = { named: 100, idle: 1000, stolen: 10, all: 2000 };
  const to = { named: 500, idle: 1300, stolen: 110, all: 3000 };
  expect(shareBetween(from, to)).toEqual({ named: 0.4, others: 0.2, stolen: 0.1, idle: 0.3 });
  expect(shareBetween(from, { ...from, named: 110 })).toMatchObject({ others: 0 });
});
