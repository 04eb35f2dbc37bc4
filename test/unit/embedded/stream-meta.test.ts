import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { highwayHash64 } from "../../../src/embedded/highway-hash.ts";
import { judgeMeta, sealOf, type MetaFiles } from "../../../src/embedded/stream-meta.ts";

/** As nats-server 2.15.1 wrote it, with its seal. */
const META =
  '{"Created":"2026-11-29T12:08:55.504677123Z","name":"RR_EVENTS","subjects":["rr.ev.\\u003e","rr.replay.\\u003e"],"retention":"limits","max_consumers":-1,"max_msgs":-1,"max_bytes":536870912,"max_age":0,"max_msgs_per_subject":-1,"max_msg_size":-1,"discard":"new","storage":"file","num_replicas":1,"duplicate_window":3600000000000,"compression":"none","allow_direct":true,"mirror_direct":false,"sealed":false,"deny_delete":false,"deny_purge":false,"allow_rollup_hdrs":false,"consumer_limits":{},"allow_msg_ttl":false,"allow_atomic":true,"metadata":{"_nats.req.level":"2"}}';
const SUM = "d6bb6e2b4083d89b";
const meta = Buffer.from(META);

/** Of the algorithm's own tests: key 00 01 … 1f, data 00 01 02 …, by length. */
const VECTORS: [length: number, hash: string][] = [
  [0, "907a56de22c26e53"],
  [1, "7eab43aac7cddd78"],
  [2, "b8d0569ab0b53d62"],
];

describe("the seal", () => {
  test("is the server's", () => expect(sealOf("RR_EVENTS", meta)).toBe(SUM));

  test.each(VECTORS)("of %i bytes is the algorithm's", (length, hash) => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => i);
    const wanted = hash.match(/../g)?.toReversed().join("");
    expect(
      highwayHash64(
        key,
        Uint8Array.from({ length }, (_, i) => i),
      ),
    ).toBe(wanted);
  });

  test("differs for whatever differs", () => {
    const key = createHash("sha256").update("k").digest();
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 100 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (data, at, flip) => {
          if (data.length === 0) return;
          const other = Uint8Array.from(data);
          other[at % data.length]! ^= flip;
          expect(highwayHash64(key, other)).not.toBe(highwayHash64(key, data));
        },
      ),
    );
  });
});

describe("a stream's folder", () => {
  const files = (part: Partial<MetaFiles>): MetaFiles => ({
    name: "RR_EVENTS",
    meta,
    sum: SUM,
    holds: true,
    ...part,
  });

  test.each<[string, Partial<MetaFiles>, string]>([
    ["as the server left it", {}, "whole"],
    ["no seal", { sum: undefined }, "seal"],
    ["an empty seal", { sum: "" }, "seal"],
    ["a torn seal", { sum: SUM.slice(0, 7) }, "seal"],
    ["zeros instead of a seal, after a power loss", { sum: "\0".repeat(16) }, "seal"],
    ["another seal", { sum: "0".repeat(16) }, "damaged"],
    ["no meta.inf", { meta: undefined }, "damaged"],
    ["neither of both", { meta: undefined, sum: undefined }, "damaged"],
    ["an empty meta.inf", { meta: Buffer.alloc(0) }, "damaged"],
    ["zeros", { meta: Buffer.alloc(500) }, "damaged"],
    ["a torn meta.inf", { meta: meta.subarray(0, 200) }, "damaged"],
    ["a torn meta.inf without a seal", { meta: meta.subarray(0, 200), sum: undefined }, "damaged"],
    ["another stream's meta.inf without a seal", { name: "RR_DEAD", sum: undefined }, "damaged"],
    ["a flipped bit", { meta: Buffer.from(META.replace("536870912", "536870913")) }, "damaged"],
    [
      "nothing yet, as a crash at creation leaves it",
      { meta: undefined, sum: undefined, holds: false },
      "whole",
    ],
    [
      "a torn meta.inf, and nothing stored yet",
      { meta: meta.subarray(0, 9), sum: undefined, holds: false },
      "whole",
    ],
    ["no seal, and nothing stored yet", { sum: undefined, holds: false }, "seal"],
  ])("%s: %s", (_, part, kind) => {
    const verdict = judgeMeta(files(part));
    expect(verdict.kind).toBe(kind);
    if (verdict.kind === "seal") expect(verdict.sum).toBe(SUM);
  });
});
