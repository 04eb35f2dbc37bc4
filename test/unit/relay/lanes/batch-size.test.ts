import { describe, expect, test } from "vitest";
import { batchSize } from "../../../../src/relay/lanes/batch-size.ts";
import { Lane, type Entry } from "../../../../src/relay/lanes/lane.ts";
import { entryOf, envelopeOf } from "./world.ts";

const SOURCE = { mayForward: () => true, verify: () => Promise.resolve(true), settle() {} };

function entry(seq: number, bytes = 10): Entry {
  return entryOf({ seq, session: "s" }, bytes, SOURCE, seq, 0);
}

describe("how many go as one batch", () => {
  const filled = (...entries: Entry[]): Lane => {
    const lane = new Lane("t", "s", 0);
    for (const it of entries) lane.push(it);
    return lane;
  };
  const with_ = (it: Entry, over: Partial<Entry>): Entry => Object.assign(it, over);

  test.each<[string, Lane, number]>([
    ["events up to the limit", filled(...Array.from({ length: 9 }, (_, i) => entry(i))), 5],
    ["up to a thin one", filled(entry(1), entry(2), with_(entry(3), { envelope: undefined })), 2],
    [
      "up to a bind",
      filled(
        entry(1),
        with_(entry(2), { envelope: { ...envelopeOf({ seq: 2, session: "s" }), kind: "bind" } }),
      ),
      1,
    ],
    [
      "a bind alone",
      filled(
        with_(entry(1), { envelope: { ...envelopeOf({ seq: 1, session: "s" }), kind: "bind" } }),
        entry(2),
      ),
      1,
    ],
    ["up to a condemned one", filled(entry(1), with_(entry(2), { death: { reason: "", attempts: 1 } })), 1],
    ["a condemned one alone", filled(with_(entry(1), { death: { reason: "", attempts: 1 } }), entry(2)), 1],
    ["up to a mebibyte", filled(entry(1, 600_000), entry(2, 400_000), entry(3, 100_000)), 2],
    ["a huge one alone", filled(entry(1, 4_000_000), entry(2)), 1],
  ])("%s", (_, lane, count) => {
    expect(batchSize(lane, 5)).toBe(count);
  });
});
