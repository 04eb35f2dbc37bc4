import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { brokerEnv } from "../../src/embedded/binary.ts";
import { findExecutable } from "../../src/embedded/command.ts";
import { fetchDebianFile } from "../../src/embedded/fetch-apt.ts";
import { errorText } from "../../src/shared/base/errors.ts";

/**
 * Prometheus' `promtool`: on the PATH, else out of Debian's package `prometheus`, unpacked into our cache and not installed; or why there
 * is none, for tests that then say so.
 */
export async function findPromtool(): Promise<{ path: string } | { missing: string }> {
  const inPath = findExecutable("promtool", process.env["PATH"]);
  if (inPath !== undefined) return { path: inPath };
  const home = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "runner-relay");
  const cached = join(home, "promtool");
  if (existsSync(cached)) return { path: cached };
  await mkdir(home, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(home, "fetching-"));
  try {
    const { children = {}, path = "", home: HOME = homedir() } = brokerEnv(process.env);
    const env = { ...children, PATH: path, HOME, LC_ALL: "C" };
    const fetched = await fetchDebianFile({ package: "prometheus", file: "usr/bin/promtool" }, folder, env);
    await rename(fetched, cached);
    return { path: cached };
  } catch (error) {
    return { missing: `no promtool on the PATH, and none from Debian: ${errorText(error)}` };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
