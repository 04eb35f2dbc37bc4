import { expect, test } from "vitest";
import type { Line } from "../../../faults/rounds/history.ts";
import { objections, tallyOf } from "../../../faults/rounds/tally.ts";

const BEGINS: Line = { is: "fault", what: "begins", at: 10_000 };

function round(n: number, ...lines: Line[]): Line[] {
  return [
    { is: "round", piece: 1, round: n, nemeses: ["kill -9: relay"], forMs: 1000, at: 0 },
    BEGINS,
    ...lines,
    { is: "done", round: n, at: 20_000, settled: true, settleMs: 5 },
  ];
}

function ack(marker: string): Line {
  return { is: "ack", marker, status: 202, attempts: 1, at: 0 };
}

function arrival(marker: string, key: string | undefined, at = 11_000, applied = true): Line {
  return { is: "arrival", marker, applied, at, status: applied ? 201 : 503, ...(key && { key }) };
}

const [FIRST, SECOND] = ["p1r1-0:1", "p1r1-0:2"];

test("what was acknowledged, delivered once and in order is no reason to object", () => {
  const lines = round(1, ack(FIRST), ack(SECOND), arrival(FIRST, "a"), arrival(SECOND, "b"));
  const { total } = tallyOf(lines);
  expect(objections(total)).toEqual([]);
  expect(total).toMatchObject({ rounds: 1, acknowledged: 2, delivered: 2, repeats: 0 });
});

test("what was acknowledged and did not arrive is lost, unless it was put aside", () => {
  const lines = round(1, ack(FIRST));
  expect(objections(tallyOf(lines).total)).toEqual(["1 lost"]);
  const put = tallyOf([...lines, { is: "dead", marker: FIRST }]);
  expect(objections(put.total)).toEqual([]);
  expect(put.total).toMatchObject({ dead: 1 });
});

test("an attempt that was not carried out delivers nothing", () => {
  const lines = round(1, ack(FIRST), arrival(FIRST, "a", 11_000, false));
  expect(objections(tallyOf(lines).total)).toEqual(["1 lost"]);
});

test("a first arrival behind a later event is an inversion, and the later one was early", () => {
  const lines = round(1, ack(FIRST), ack(SECOND), arrival(SECOND, "b"), arrival(FIRST, "a"));
  expect(objections(tallyOf(lines).total)).toEqual(["1 inversions", "1 early"]);
});

test("an event that was refused, and carried out behind a later one, is an inversion", () => {
  const tried = arrival(FIRST, "a", 11_000, false);
  const lines = round(1, ack(FIRST), ack(SECOND), tried, arrival(SECOND, "b"), arrival(FIRST, "a"));
  expect(objections(tallyOf(lines).total)).toEqual(["1 inversions", "1 early"]);
});

test("a repeat needs its key, and the same one", () => {
  const repeated = (first: string | undefined, again: string | undefined): string[] =>
    objections(tallyOf(round(1, ack(FIRST), arrival(FIRST, first), arrival(FIRST, again))).total);
  expect(repeated("a", "a")).toEqual([]);
  expect(repeated("a", "b")).toEqual(["1 repeats without their key"]);
  expect(repeated(undefined, undefined)).toEqual(["1 repeats without their key"]);
});

test("a repeat of what was carried out long before the disturbance is old", () => {
  const again = (firstAt: number): string[] =>
    objections(
      tallyOf(round(1, ack(FIRST), arrival(FIRST, "a", firstAt), arrival(FIRST, "a", 10_500))).total,
    );
  expect(again(9000)).toEqual([]);
  expect(again(7000)).toEqual(["1 old repeats"]);
});

test("what arrives in a later round counts for its own", () => {
  const lines = [...round(1, ack(FIRST)), ...round(2, arrival(FIRST, "a"), ack("p1r2-0:1"))];
  const { total } = tallyOf(lines);
  expect(objections(total)).toEqual(["1 lost"]);
  expect(total).toMatchObject({ rounds: 2, acknowledged: 2, delivered: 1 });
});

test("a round without an end is not counted", () => {
  const cut = round(2, ack("p1r2-0:1")).slice(0, -1);
  const tally = tallyOf([...cut, ...round(1, ack(FIRST), arrival(FIRST, "a"))]);
  expect(tally).toMatchObject({ unfinished: 1, total: { rounds: 1, lost: 0 } });
});
