import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dropUnreadableConsumers, isConsumerState } from "../../../src/embedded/consumer-state.ts";
import { sealOf } from "../../../src/embedded/stream-meta.ts";
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

  /** A consumer as the server leaves it, and what then befalls its folder. */
  function place(name: string, befall: (at: string) => void = () => undefined): void {
    mkdirSync(folder(name), { recursive: true });
    const meta = Buffer.from(`{"durable_name":"${name}","filter_subjects":["rr.*.1.>"]}`);
    writeFileSync(join(folder(name), "o.dat"), IDLE);
    writeFileSync(join(folder(name), "meta.inf"), meta);
    writeFileSync(join(folder(name), "meta.sum"), sealOf(`RR_EVENTS/${name}`, meta));
    befall(folder(name));
  }

  /** Puts something else in the place of a file. */
  const instead = (file: string, make: (path: string) => void) => (at: string) => {
    rmSync(join(at, file));
    make(join(at, file));
  };

  test.each<[string, (at: string) => void]>([
    ["nothing", () => undefined],
    ["a state that was never written", instead("o.dat", () => undefined)],
    ["an empty state", (at) => writeFileSync(join(at, "o.dat"), "")],
  ])("a consumer stays that has %s", (_, befall) => {
    place("relay-1", befall);
    dropUnreadableConsumers(store, silentLogger());
    expect(existsSync(folder("relay-1"))).toBe(true);
  });

  test.each<[string, (at: string) => void]>([
    ["half a state", (at) => writeFileSync(join(at, "o.dat"), IDLE.subarray(0, 4))],
    ["a folder for a state", instead("o.dat", mkdirSync)],
    ["a FIFO for a state", instead("o.dat", (path) => execFileSync("mkfifo", [path]))],
    ["a FIFO for what it is", instead("meta.inf", (path) => execFileSync("mkfifo", [path]))],
    ["a folder for its seal", instead("meta.sum", mkdirSync)],
    ["no seal", instead("meta.sum", () => undefined)],
    ["another one's seal", (at) => writeFileSync(join(at, "meta.sum"), "0123456789abcdef")],
    ["other events", (at) => writeFileSync(join(at, "meta.inf"), '{"filter_subjects":["rr.*.9.>"]}')],
    ["nothing that says what it is", instead("meta.inf", () => undefined)],
  ])("a consumer of ours goes that has %s, and another one stays", (_, befall) => {
    place("relay-1", befall);
    place("somebody", befall);
    dropUnreadableConsumers(store, silentLogger());
    expect([existsSync(folder("relay-1")), existsSync(folder("somebody"))]).toEqual([false, true]);
  });

  test("a store without a log is none of its business", () => {
    dropUnreadableConsumers(join(store, "none"), silentLogger());
  });
});
