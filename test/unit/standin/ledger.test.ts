import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createLedger, type Arrival } from "../../../src/standin/ledger.ts";

function arrival(key: string, streamSeq: string, more: Partial<Arrival> = {}): Arrival {
  return {
    at: 1,
    method: "POST",
    path: "/sessions/s/events",
    session: "s",
    key,
    streamSeq,
    status: 201,
    applied: true,
    ...more,
  };
}

test("ORDER-1: only a first arrival below the session's highest counts as stale", () => {
  const ledger = createLedger({});
  ledger.add(arrival("a", "77-1"), "");
  ledger.add(arrival("c", "77-3"), "");
  ledger.add(arrival("a", "77-1"), ""); // a repeat, not an inversion
  ledger.add(arrival("b", "77-2"), ""); // stale
  ledger.add(arrival("d", "77-2", { session: "other" }), "");
  ledger.add(arrival("e", "88-1"), ""); // another stream
  expect(ledger.entries.map((entry) => [entry.key, entry.repeat ?? false, entry.stale ?? false])).toEqual([
    ["a", false, false],
    ["c", false, false],
    ["a", true, false],
    ["b", false, true],
    ["d", false, false],
    ["e", false, false],
  ]);
  expect(ledger.summary()).toMatchObject({
    entries: 6,
    keys: 5,
    repeats: 1,
    stale: 1,
    inverted: 0,
    applied: 6,
  });
});

test("ORDER-1: session sequences are compared within their epoch", () => {
  const ledger = createLedger({});
  ledger.add(arrival("a", "7-1", { sessionSeq: "e1-2" }), "");
  ledger.add(arrival("b", "7-2", { sessionSeq: "e2-1" }), "");
  ledger.add(arrival("c", "7-3", { sessionSeq: "e1-1" }), "");
  expect(ledger.summary()).toMatchObject({ stale: 0, inverted: 1 });
});

test("a ledger file is continued: keys and highest sequences are known again, a cut line is passed over", () => {
  const dir = mkdtempSync(join(tmpdir(), "rr-ledger-"));
  try {
    const file = join(dir, "ledger.ndjson");
    const before = createLedger({ file });
    before.add(arrival("a", "7-5"), "body");
    before.close();
    appendFileSync(file, '{"n":2,"at"\n');
    const after = createLedger({ file });
    after.add(arrival("a", "7-5"), "body");
    after.add(arrival("b", "7-4"), "body");
    after.close();
    expect(after.entries.map(({ n, key, repeat, stale }) => ({ n, key, repeat, stale }))).toEqual([
      { n: 1, key: "a", repeat: undefined, stale: undefined },
      { n: 2, key: "a", repeat: true, stale: undefined },
      { n: 3, key: "b", repeat: undefined, stale: true },
    ]);
    expect(after.entries[0]?.sha).toBe(after.entries[1]?.sha);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
