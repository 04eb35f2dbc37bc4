import { lstatSync, readlinkSync, rmdirSync, statfsSync, statSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errorText } from "../shared/base/errors.ts";
import type { Logger } from "../shared/base/logger.ts";
import { EVENTS_STREAM } from "../shared/log/schema/topology.ts";
import {
  folderAt,
  makeStagingFolder,
  MEMORY,
  removeForgotten,
  removeOwn,
  stagingFolder,
} from "./staging-folder.ts";
import { chooseStaging, isStagingFailure, type MemoryFacts, type StagingPlace } from "./staging-place.ts";

const TMPFS = 0x01021994; // of statfs(2)
const STICKY = 0o1000;
const OTHERS_WRITE = 0o022;
/** How often a link is tried, a millisecond apart, while a batch is staged on the disk. One batch takes 3 ms. */
const LINK_TRIES = 100;

/**
 * Where the broker stages atomic batches. A batch is written to a store of its own before it is written to the log, and that costs four syncs. What is staged
 * was not acknowledged and is worth nothing after a crash, so it may lie in memory; the log itself is synced as before (ADR 0054).
 */
export type Staging = {
  /** Removes what earlier servers left, also those of data folders that are gone, and decides. Call it before each start of a server, while none runs. */
  prepare(): void;
  /** Links the log's folder of batches, if there is a log. The server removes the link at its start. */
  link(): Promise<void>;
  /** Looks whether the folder can still be used, and uses the disk until the next start if not. */
  look(): Promise<void>;
  /** Is given the server's lines about errors. After one about a batch, the disk is used until the next start. */
  failed(this: void, line: string): void;
  where(): StagingPlace["where"];
  /** Removes link and folder. Call it when no server runs any more. */
  remove(): void;
};

/** `memory`: the file system in memory. */
export function createStaging(options: {
  dataDir: string;
  asked: "memory" | "disk";
  log: Logger;
  memory?: string;
}): Staging {
  const { dataDir, asked, log } = options;
  const memory = options.memory ?? MEMORY;
  const batches = batchesFolder(dataDir);
  let folder = "";
  let place: StagingPlace = { where: "disk", asked: true, why: "no server was started" };

  function use(next: StagingPlace): void {
    place = next;
    if (next.where === "memory") return log.debug({ folder }, "batches are staged in memory");
    removeLink(batches);
    removeOwn(folder);
    if (!next.asked)
      log.warn(
        { code: "staging_on_disk", why: next.why },
        "the broker stages batches on the disk, which makes each of them slower",
      );
  }

  const staging: Staging = {
    prepare() {
      removeLink(batches);
      try {
        folder = stagingFolder(dataDir, memory);
        removeLeft(memory, folder);
        const next = chooseStaging(asked, readMemory(memory, folder), "start");
        if (next.where === "memory") makeStagingFolder(folder, dataDir);
        use(next);
      } catch (error) {
        use({ where: "disk", asked: false, why: errorText(error) });
      }
    },
    async link() {
      for (let tries = 0; place.where === "memory" && tries < LINK_TRIES; tries++) {
        if (linkOnce(batches, folder)) return;
        await sleep(1);
      }
    },
    async look() {
      if (place.where !== "memory") return;
      const next = chooseStaging(asked, readMemory(memory, folder), "running");
      if (next.where === "memory") await staging.link();
      else use(next);
    },
    failed(line) {
      if (place.where === "memory" && isStagingFailure(line))
        use({ where: "disk", asked: false, why: "a batch could not be written to /dev/shm" });
    },
    where: () => place.where,
    remove() {
      place = { where: "disk", asked: true, why: "the broker ended" };
      removeLink(batches);
      removeOwn(folder);
    },
  };
  return staging;
}

/** The folder in which the server stages the log's batches. */
export function batchesFolder(dataDir: string): string {
  return join(dataDir, "broker/store/jetstream/$G/streams", EVENTS_STREAM, "batches");
}

/** Where a data folder's broker stages batches now, as another process finds it. `why`: what is wrong with the memory, if anything is. */
export function readStaging(
  dataDir: string,
): { where: "memory" } | { where: "disk"; why: string | undefined } {
  const folder = stagingFolder(dataDir);
  if (linkedTo(batchesFolder(dataDir)) === folder) return { where: "memory" };
  const place = chooseStaging("memory", readMemory(MEMORY, folder), "start");
  return { where: "disk", why: place.where === "disk" ? place.why : undefined };
}

/** Never throws. */
function readMemory(memory: string, folder: string): MemoryFacts {
  try {
    const { type, bavail, bsize } = statfsSync(memory);
    if (type !== TMPFS) return { kind: "none" };
    const { uid, mode } = statSync(memory);
    const trusted = uid === 0 || uid === process.getuid?.();
    if (!trusted || ((mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0)) return { kind: "open" };
    return { kind: "tmpfs", freeBytes: bavail * bsize, folder: folderAt(folder) };
  } catch {
    return { kind: "none" };
  }
}

/** Removes what earlier servers left: in the folder of this data folder, and in those of data folders that are gone. */
function removeLeft(memory: string, folder: string): void {
  removeOwn(folder);
  if (readMemory(memory, folder).kind === "tmpfs") removeForgotten(memory);
}

/** True if the link is there, or there is no log yet. A folder of the server's is replaced only while it is empty, so that no batch loses its store. */
function linkOnce(batches: string, folder: string): boolean {
  try {
    if (linkedTo(batches) === folder) return true;
    rmdirSync(batches);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) return false;
  }
  try {
    symlinkSync(folder, batches);
    return true;
  } catch (error) {
    return hasCode(error, "ENOENT"); // otherwise a batch came first
  }
}

/** Where a link leads to. Undefined for everything else. */
export function linkedTo(path: string): string | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ? readlinkSync(path) : undefined;
}

function removeLink(batches: string): void {
  try {
    if (linkedTo(batches) !== undefined) unlinkSync(batches);
  } catch {
    // the store is gone, or cannot be read: the server's start tells
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
