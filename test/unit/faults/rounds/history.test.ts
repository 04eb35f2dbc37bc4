import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, expect, test } from "vitest";
import { openHistory, readHistory, type Line } from "../../../faults/rounds/history.ts";
import { placeAfter } from "../../../faults/rounds/run.ts";

function newFile(): string {
  const dir = mkdtempSync(join(tmpdir(), "rr-history-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return join(dir, "history.ndjson");
}

const RUN = { is: "run", subject: "ours", seed: 1, date: "", versions: {}, settings: "" } as const;
const DONE = { is: "done", at: 0, settled: true, settleMs: 0 } as const;

test("what was written is read, without a line that was cut", () => {
  const file = newFile();
  expect(readHistory(file)).toEqual([]);
  const lines: Line[] = [
    { ...RUN, piece: 1 },
    { ...DONE, round: 1 },
  ];
  openHistory(file).add(lines);
  appendFileSync(file, '{"is":"done","rou');
  expect(readHistory(file)).toEqual(lines);
});

test("a run goes on behind the last round that has an end, as the next piece", () => {
  expect(placeAfter([])).toEqual({ piece: 1, round: 1 });
  expect(
    placeAfter([
      { ...RUN, piece: 1 },
      { ...DONE, round: 1 },
      { ...DONE, round: 2 },
      { is: "round", piece: 1, round: 3, nemeses: [], forMs: 0, at: 0 },
    ]),
  ).toEqual({ piece: 2, round: 3 });
});
