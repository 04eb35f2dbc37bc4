import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { addResult, added, roundsResult, type RoundsResult } from "../../../faults/reliability/results.ts";
import { lastPiece, type Line } from "../../../faults/rounds/history.ts";
import { tallyOf } from "../../../faults/rounds/tally.ts";

const VERSIONS = { node: "24.0.0", broker: "2.0.0" };

/** A piece of a run: its rounds, each with one event that came, or was lost. */
function pieceOf(piece: number, seed: number, rounds: { nemesis: string; lost?: true }[]): Line[] {
  const begins = { date: "2026-12-01T00:00:00Z", versions: VERSIONS, settings: `of seed ${seed}` };
  return [
    { is: "run", piece, subject: "s", seed, ...begins },
    ...rounds.flatMap(({ nemesis, lost }, i): Line[] => {
      const round = i + 1;
      const marker = `p${piece}r${round}-0:1`;
      return [
        { is: "round", piece, round, nemeses: [nemesis], forMs: 1, at: 1 },
        { is: "ack", marker, status: 201, attempts: 1, at: 2 },
        ...(lost ? [] : [{ is: "arrival" as const, marker, applied: true, at: 3, status: 201, key: "k" }]),
        { is: "done", round, at: 4, settled: !lost, settleMs: 1 },
      ];
    }),
  ];
}

function resultOf(lines: readonly Line[]): RoundsResult {
  return roundsResult(tallyOf(lines));
}

test("a result with more rounds counts both, row by row", () => {
  const before = resultOf(pieceOf(1, 18, [{ nemesis: "cut" }, { nemesis: "kill" }]));
  const more = resultOf(pieceOf(1, 19, [{ nemesis: "kill", lost: true }, { nemesis: "stop" }]));
  const sum = added(before, more);
  expect(sum).toMatchObject({ seeds: [18, 19], pieces: 2, settings: "of seed 19" });
  expect(sum.total).toMatchObject({ rounds: 4, acknowledged: 4, delivered: 3, lost: 1, late: 1 });
  expect(sum.rows.map(({ nemesis, rounds, lost }) => [nemesis, rounds, lost])).toEqual([
    ["cut", 1, 0],
    ["kill", 2, 1],
    ["stop", 1, 0],
  ]);
  expect(added(sum, more).seeds).toEqual([18, 19]);
});

test("rounds of another subject or of other versions are not added", () => {
  const result = resultOf(pieceOf(1, 18, [{ nemesis: "cut" }]));
  expect(() => added(result, { ...result, subject: "t" })).toThrow(/of t, .*the result of s/);
  expect(() => added(result, { ...result, versions: { ...VERSIONS, node: "26.0.0" } })).toThrow(/26/);
});

test("each piece of a run is added once", () => {
  const dir = mkdtempSync(join(tmpdir(), "rr-results-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const file = join(dir, "result.json");
  const first = pieceOf(1, 19, [{ nemesis: "cut" }]);
  addResult(file, resultOf(lastPiece(first)));
  const second = [...first, ...pieceOf(2, 19, [{ nemesis: "cut" }, { nemesis: "cut" }])];
  addResult(file, resultOf(lastPiece(second)));
  const kept = JSON.parse(readFileSync(file, "utf8")) as RoundsResult;
  expect(kept).toMatchObject({ pieces: 2, seeds: [19], total: { rounds: 3 } });
});
