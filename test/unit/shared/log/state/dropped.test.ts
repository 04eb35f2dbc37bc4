import { expect, test } from "vitest";
import { hasRoom } from "../../../../../src/shared/log/state/dropped.ts";

test.each([
  ["nearly empty", 32, 1, true],
  ["half full", 32, 16, false],
  ["of no own limit, and larger than ours would be", -1, 32 * 1024 * 1024, false],
])(
  "BOUND-1: dropped events are remembered as long as half of the bucket is free: %s",
  (_, max, bytes, may) => {
    const info = { config: { max_bytes: max }, state: { bytes } } as Parameters<typeof hasRoom>[0];
    expect(hasRoom(info)).toBe(may);
  },
);
