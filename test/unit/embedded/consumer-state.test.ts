import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dropUnreadableConsumers, isConsumerState } from "../../../src/embedded/consumer-state.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";

/** Delivered 9, acknowledged 7, two on their way; and one with nothing on its way. */
const BUSY = Buffer.from([22, 2, 7, 120, 9, 124, 2, 200, 1, 121, 8, 3, 124, 9, 5, 0]);
const IDLE = Buffer.from([22, 2, 9, 124, 9, 124, 0, 0]);

describe("the state of a consumer", () => {
  test.each<[string, Buffer, boolean]>([
    ["as the server writes it", IDLE, true],
    ["with messages on their way", BUSY, true],
    ["empty, which the server takes for none", Buffer.alloc(0), true],
    ["without its last byte, which nobody misses", IDLE.subarray(0, -1), true],
    ["half", IDLE.subarray(0, 4), false],
    ["cut within what is on its way", BUSY.subarray(0, 11), false],
    ["its head alone", IDLE.subarray(0, 2), false],
    ["one byte", IDLE.subarray(0, 1), false],
    ["zeros, after a power loss", Buffer.alloc(49), false],
    ["another version", Buffer.from([22, 9, 1, 1, 1, 1, 0, 0]), false],
    ["text", Buffer.from("not a state"), false],
    ["numbers without an end", Buffer.from([22, 2, ...Array.from({ length: 60 }, () => 255)]), false],
    [
      "more on their way than it holds",
      Buffer.from([22, 2, 1, 1, 1, 1, 255, 255, 255, 255, 255, 255, 255, 127]),
      false,
    ],
  ])("%s", (_, bytes, readable) => {
    expect(isConsumerState(bytes)).toBe(readable);
  });

  test("any bytes are judged, in time that grows with them", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(typeof isConsumerState(Uint8Array.of(22, 2, ...bytes))).toBe("boolean");
      }),
    );
  });
});

describe("before the server starts", () => {
  let store = "";
  const folder = (name: string): string => join(store, "jetstream/$G/streams/RR_EVENTS/obs", name);
  beforeEach(() => (store = mkdtempSync(join(tmpdir(), "rr-consumers-"))));
  afterEach(() => rmSync(store, { recursive: true }));

  function place(name: string, make: (file: string) => void): void {
    mkdirSync(folder(name), { recursive: true });
    make(join(folder(name), "o.dat"));
  }

  test("consumers of ours that it could not read go, others stay", () => {
    place("relay-0", (file) => writeFileSync(file, IDLE));
    place("relay-1", (file) => writeFileSync(file, IDLE.subarray(0, 4)));
    place("relay-2", (file) => mkdirSync(file));
    place("relay-3", (file) => execFileSync("mkfifo", [file]));
    place("relay-4", () => undefined);
    place("relay-5", (file) => execFileSync("mkfifo", [file.replace("o.dat", "meta.inf")]));
    place("relay-6", (file) => mkdirSync(file.replace("o.dat", "meta.sum")));
    place("somebody", (file) => writeFileSync(file, "x"));
    dropUnreadableConsumers(store, silentLogger());
    const names = [...Array.from({ length: 7 }, (_, i) => `relay-${i}`), "somebody"];
    const left = names.filter((name) => existsSync(folder(name)));
    expect(left).toEqual(["relay-0", "relay-4", "somebody"]);
  });

  test("a store without a log is none of its business", () => {
    dropUnreadableConsumers(join(store, "none"), silentLogger());
  });
});
