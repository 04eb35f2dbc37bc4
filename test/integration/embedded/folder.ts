import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** An empty folder for one test: `await using folder = await temporaryFolder()`. */
export async function temporaryFolder(): Promise<{
  path: string;
  [Symbol.asyncDispose]: () => Promise<void>;
}> {
  const path = await mkdtemp(join(tmpdir(), "rr-embedded-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
