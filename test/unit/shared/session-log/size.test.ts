import * as fc from "fast-check";
import { expect, test } from "vitest";
import { defaultLogBytes } from "../../../../src/shared/log/provision/streams.ts";
import {
  LEAST_SESSIONS_BYTES,
  MAX_SESSIONS_BYTES,
  sessionsBytes,
  sizeBeside,
} from "../../../../src/shared/session-log/size.ts";

const GIB = 1024 ** 3;
const RESERVED = (224 + 32 + 32) * 1024 ** 2;

const inNewFolder = (freeBytes: number): number | undefined =>
  sessionsBytes({
    freeBytes,
    isNew: true,
    events: { maxBytes: defaultLogBytes(freeBytes), usedBytes: 0 },
  });
const besideOld = (freeBytes: number, maxBytes: number, usedBytes: number): number | undefined =>
  sessionsBytes({ freeBytes, isNew: false, events: { maxBytes, usedBytes } });

test("a new data folder gives sessions a quarter of the free disk, and at most 10 GiB", () => {
  expect(inNewFolder(8 * GIB + RESERVED)).toBe(2 * GIB);
  expect(inNewFolder(500 * GIB)).toBe(10 * GIB);
  expect(inNewFolder(1 * GIB + RESERVED)).toBe(256 * 1024 ** 2);
  expect(inNewFolder(1 * GIB)).toBeUndefined();
  expect(inNewFolder(0)).toBeUndefined();
});

test("beside an existing log they get half of what is free beyond its limit", () => {
  expect(besideOld(12 * GIB + RESERVED, 10 * GIB, 2 * GIB)).toBe(2 * GIB); // 12 − 8 = 4
  expect(besideOld(12 * GIB + RESERVED, 10 * GIB, 10 * GIB)).toBe(6 * GIB);
  expect(besideOld(5 * GIB, 10 * GIB, 0)).toBeUndefined();
  expect(besideOld(500 * GIB, 10 * GIB, 0)).toBe(10 * GIB);
});

test("where the free disk is not known, they get 5/9 of the log of events, between their limits", () => {
  expect([sizeBeside(9 * GIB), sizeBeside(0), sizeBeside(1000 * GIB)]).toEqual([
    5 * GIB,
    LEAST_SESSIONS_BYTES,
    MAX_SESSIONS_BYTES,
  ]);
});

test("both logs at their limits fit on the disk, or there is no log of sessions", () => {
  const bytes = fc.integer({ min: 0, max: 1000 * GIB });
  fc.assert(
    fc.property(bytes, bytes, bytes, fc.boolean(), (freeBytes, maxBytes, used, isNew) => {
      const usedBytes = Math.min(used, maxBytes);
      const size = sessionsBytes({ freeBytes, isNew, events: { maxBytes, usedBytes } });
      if (size === undefined) return;
      expect(size).toBeGreaterThanOrEqual(LEAST_SESSIONS_BYTES);
      expect(size).toBeLessThanOrEqual(MAX_SESSIONS_BYTES);
      expect(size + RESERVED + maxBytes - usedBytes).toBeLessThanOrEqual(freeBytes);
    }),
  );
});
