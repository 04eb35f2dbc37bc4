import { expect, test } from "vitest";
import { free } from "../../../../src/shared/base/free.ts";

test("a large buffer of its own is given back and empty; small ones and parts of others stay", () => {
  const own = Buffer.allocUnsafeSlow(100_000);
  free(own);
  expect([own.length, own.buffer.byteLength]).toEqual([0, 0]);
  free(own);
  const small = Buffer.allocUnsafeSlow(1000);
  const part = Buffer.allocUnsafeSlow(100_000).subarray(1);
  const rest = Buffer.allocUnsafeSlow(100_000).subarray(0, 50_000);
  for (const buffer of [small, part, rest]) {
    const { length } = buffer;
    free(buffer);
    expect(buffer).toHaveLength(length);
  }
});
