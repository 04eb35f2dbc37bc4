import { describe, expect, test } from "vitest";
import { isWriteFailure } from "../../../src/cli/up/log-home.ts";
import {
  chooseStaging,
  isStagingFailure,
  STAGING_LEAST_BYTES,
  STAGING_START_BYTES,
  type MemoryFacts,
} from "../../../src/embedded/staging-place.ts";

const tmpfs = (freeBytes: number, folder: "missing" | "own" | "foreign" = "own"): MemoryFacts => ({
  kind: "tmpfs",
  freeBytes,
  folder,
});

describe("where batches are staged", () => {
  test.each<["memory" | "disk", MemoryFacts, "start" | "running", string]>([
    ["memory", tmpfs(STAGING_START_BYTES, "missing"), "start", "memory"],
    ["memory", tmpfs(STAGING_START_BYTES), "start", "memory"],
    ["memory", tmpfs(STAGING_LEAST_BYTES), "running", "memory"],
    ["memory", tmpfs(STAGING_START_BYTES - 1, "missing"), "start", "/dev/shm has less than 32 MiB free"],
    ["memory", tmpfs(STAGING_LEAST_BYTES - 1), "running", "/dev/shm has less than 8 MiB free"],
    ["memory", tmpfs(Infinity, "missing"), "running", "its folder in /dev/shm was removed"],
    ["memory", tmpfs(Infinity, "foreign"), "start", "its folder in /dev/shm is not ours alone"],
    ["memory", tmpfs(Infinity, "foreign"), "running", "its folder in /dev/shm is not ours alone"],
    ["memory", { kind: "none" }, "start", "there is no tmpfs at /dev/shm"],
    ["memory", { kind: "none" }, "running", "there is no tmpfs at /dev/shm"],
    ["memory", { kind: "open" }, "start", "other users could exchange folders in /dev/shm"],
    ["disk", tmpfs(Infinity), "start", "the setting says so"],
  ])("asked %s, %j, %s: %s", (asked, facts, when, expected) => {
    const place = chooseStaging(asked, facts, when);
    expect(place.where === "memory" ? "memory" : place.why).toBe(expected);
    if (place.where === "disk")
      expect(place.asked, "a warning is for what nobody asked for").toBe(asked === "disk");
  });
});

describe("a batch that found no room is no full log", () => {
  const path = "/d/broker/store/jetstream/$G/streams/RR_EVENTS";
  test.each([
    [
      `[9] [ERR] Filestore [nvnJ6NKh] Critical write error: write ${path}/batches/nvnJ6NKh/msgs/1.blk: no space left on device`,
      true,
    ],
    [
      `[9] [ERR] Filestore [RR_EVENTS] Critical write error: write ${path}/msgs/1.blk: no space left on device`,
      false,
    ],
    [
      "[9] [ERR] Filestore [S] Critical write error: write /batches/store/jetstream/$G/streams/S/msgs/1.blk: no space left on device",
      false,
    ],
    ["[9] [INF] nothing", false],
  ])("%s", (line, staging) => {
    expect(isStagingFailure(line)).toBe(staging);
    expect(isWriteFailure(line)).toBe(!staging && line.includes("no space"));
  });
});
