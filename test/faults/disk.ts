import { open, rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { join } from "node:path";

const EVERY_MS = 50;
/** About one event in the log. */
const BYTES = 600;

/** How the disk itself does meanwhile: no durable answer can be faster than a bare fsync beside it. */
export type DiskProbe = {
  samples: readonly { at: number; ms: number }[];
  [Symbol.asyncDispose](): Promise<void>;
};

/** Writes and syncs a little, 20 times a second, until it is disposed. `at` is wall clock. */
export async function startDiskProbe(dir: string): Promise<DiskProbe> {
  const file = join(dir, "disk-probe");
  const handle = await open(file, "w");
  const samples: { at: number; ms: number }[] = [];
  let stopping = false;

  async function run(): Promise<void> {
    while (!stopping) {
      const before = performance.now();
      await handle.write(Buffer.alloc(BYTES));
      await handle.sync();
      samples.push({ at: Date.now(), ms: performance.now() - before });
      await delay(EVERY_MS);
    }
  }

  const running = run();
  return {
    samples,
    async [Symbol.asyncDispose]() {
      stopping = true;
      await running;
      await handle.close();
      await rm(file, { force: true });
    },
  };
}
