import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeCheckpoint,
  encodeCheckpoint,
  freshCheckpoint,
  MOST_HELD,
} from "../../../../../src/shared/log/state/checkpoint.ts";
import { RECORD, unpack } from "../../../../../src/shared/base/msgpack.ts";
import { type HeldPlace } from "../../../../../src/shared/log/state/held.ts";
import { bytes, anything, pack, refusal } from "../../foreign-bytes.ts";

describe("checkpoints", () => {
  test("name held sessions, however many, and older programs ignore the list", () => {
    const places = Array.from({ length: MOST_HELD }, (_, i): HeldPlace => [
      `s${i}`.padEnd(200, "ä"),
      i,
      "paused",
    ]);
    const it = { ...freshCheckpoint("2026-11-21T00:00:00Z", 7), held: places };
    expect(decodeCheckpoint(encodeCheckpoint(it)).held).toEqual(places);
    expect(decodeCheckpoint(encodeCheckpoint({ ...it, held: [] })).held).toBeUndefined();
    expect(unpack(encodeCheckpoint(it), RECORD)).toMatchObject({ v: 1, floor: 7 });
    for (const held of [1, "x", new Uint8Array([1]), new TextEncoder().encode('[["s","1","paused"]]')])
      expect(refusal(() => decodeCheckpoint(pack({ ...it, held })))).toBe("checkpoint_mismatch");
  });

  test("come back as they were, and whatever else is refused with a code", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), bytes, (floor, settled) => {
        const it = { ...freshCheckpoint("2026-11-21T00:00:00Z", floor), settled };
        const { settled: back, ...rest } = decodeCheckpoint(encodeCheckpoint(it));
        expect(rest).toEqual({ v: 1, stream: "2026-11-21T00:00:00Z", floor });
        expect([...back]).toEqual([...settled]);
      }),
    );
    fc.assert(fc.property(anything, (data) => void refusal(() => decodeCheckpoint(data))));
    expect(refusal(() => decodeCheckpoint(pack({ v: 2 })))).toBe("schema_newer");
  });
});
