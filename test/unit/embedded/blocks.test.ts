import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { dropMisleadingIndexes, misleads } from "../../../src/embedded/blocks.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";

const ERASED = 1n << 63n;
const REMOVED = 1n << 62n;

/** A block with records of these numbers. */
function blockOf(...numbers: (number | bigint)[]): Buffer {
  const records = numbers.map((number) => {
    const record = Buffer.alloc(40, "x");
    record.writeUInt32LE(0x8000_0000 + record.length, 0);
    record.writeBigUInt64LE(BigInt(number), 4);
    return record;
  });
  return Buffer.concat(records);
}

test.each<[string, Buffer, boolean]>([
  ["one after the other", blockOf(1, 2, 3), false],
  ["none", Buffer.alloc(0), false],
  ["a high one at the beginning", blockOf(5_000_000_000, 5_000_000_001), false],
  ["a gap", blockOf(1, 900_000), false],
  ["one of which a high bit flipped", blockOf(1, 2 + 2 ** 31, 3), true],
  [
    "one of which the highest bit of all flipped, so that it counts as erased",
    blockOf(1, ERASED | 2n, 3),
    false,
  ],
  ["a stone in the place of a far one", blockOf(1, REMOVED | (2n ** 40n), 2), false],
  ["an erased far one", blockOf(1, ERASED | (2n ** 40n)), true],
  ["a record that is none", Buffer.concat([blockOf(1), Buffer.alloc(40), blockOf(2 ** 40)]), true],
  ["a record that is cut off", blockOf(1, 2 ** 40).subarray(0, 60), true],
])("a block of messages: %s", (_, block, far) => {
  expect(misleads(block)).toBe(far);
});

test("any bytes are judged", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(typeof misleads(bytes)).toBe("boolean");
    }),
  );
});

test("an index goes where a block would mislead the server, and stays elsewhere", () => {
  const store = mkdtempSync(join(tmpdir(), "rr-blocks-"));
  onTestFinished(() => rmSync(store, { recursive: true }));
  const folder = (stream: string): string => join(store, "jetstream/$G/streams", stream, "msgs");
  for (const [stream, ...blocks] of [
    ["GOOD", blockOf(1, 2), blockOf(3, 4)],
    ["BAD", blockOf(1, 2), blockOf(3, 2 ** 40)],
    ["OLD", blockOf(1, 2 ** 40), blockOf(3, 4)],
  ] as const) {
    mkdirSync(folder(stream), { recursive: true });
    writeFileSync(join(folder(stream), "index.db"), "index");
    for (const [i, block] of blocks.entries()) writeFileSync(join(folder(stream), `${i + 9}.blk`), block);
  }
  mkdirSync(folder("EMPTY"), { recursive: true });
  dropMisleadingIndexes(store, silentLogger());
  const left = ["GOOD", "BAD", "OLD"].filter((stream) => existsSync(join(folder(stream), "index.db")));
  expect(left).toEqual(["GOOD"]);
  dropMisleadingIndexes(join(store, "none"), silentLogger());
});
