import type { StreamInfo } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import { removalsOf } from "../../../../../src/shared/log/state/removals.ts";

const WRITTEN = Date.parse("2026-01-01T00:00:00Z");
const dead = (ts: string, created = "a") => ({ created, ts }) as unknown as StreamInfo;
const counter = (value: object) => ({ value: Buffer.from(JSON.stringify(value)), at: WRITTEN });
const running = counter({ v: 1, created: "a", removed: 7, open: 3 });

test.each([
  ["it is missing", undefined, dead("2026-01-01T00:00:01Z"), { removed: 0, open: 0 }],
  ["letters are being removed", running, dead("2026-01-01T00:05:00Z"), { removed: 7, open: 3 }],
  ["whoever announced them was killed", running, dead("2026-01-01T00:05:01Z"), { removed: 10, open: 0 }],
  ["it is another stream's", running, dead("2026-01-01T00:00:01Z", "b"), { removed: 0, open: 0 }],
  ["it is none", counter({ v: 1, created: "a", removed: "x" }), dead(""), { removed: 0, open: 0 }],
])("the counter of removed letters: %s", (_, stored, info, expected) => {
  expect(removalsOf(stored, info)).toEqual(expected);
});

test("a counter of a newer version is refused", () => {
  expect(() => removalsOf(counter({ v: 2 }), dead(""))).toThrow(
    expect.objectContaining({ code: "schema_newer" }) as Error,
  );
});
