import { open, mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { median } from "./rounds.ts";

/** What the figures depend on. No names and no paths: the report is made to be shown. */
export type Machine = {
  cores: number;
  cpu: string;
  memoryMb: number;
  platform: string;
  node: string;
  /** Median time of one small synced write where the broker keeps its store, milliseconds. */
  fsyncMs: number;
};

export async function describeMachine(): Promise<Machine> {
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? "unknown",
    memoryMb: Math.round(totalmem() / 1024 / 1024),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    fsyncMs: await measureSync(),
  };
}

async function measureSync(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "rr-bench-"));
  try {
    await using file = await open(join(folder, "sync"), "a");
    const times: number[] = [];
    for (let i = 0; i < 50; i++) {
      const began = performance.now();
      await file.write(Buffer.alloc(512, 1));
      await file.sync();
      times.push(performance.now() - began);
    }
    return Number(median(times).toFixed(2));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
