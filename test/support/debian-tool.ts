import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { brokerEnv } from "../../src/embedded/binary.ts";
import { findExecutable } from "../../src/embedded/command.ts";
import { fetchDebianFile } from "../../src/embedded/fetch-apt.ts";
import { errorText } from "../../src/shared/base/errors.ts";

/** What the global set-up found; the workers inherit it. */
export type FoundTool = { path: string } | { missing: string };

/** A program of Debian: on the PATH, else out of its package, unpacked into our cache and not installed; or why there is none, for tests that then say so. */
export async function findDebianTool(wanted: { package: string; file: string }): Promise<FoundTool> {
  const name = basename(wanted.file);
  const { children = {}, path = "", home: HOME = homedir() } = brokerEnv(process.env);
  const inPath = findExecutable(name, path);
  if (inPath !== undefined) return { path: inPath };
  const home = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "runner-relay");
  const cached = join(home, name);
  if (existsSync(cached)) return { path: cached };
  await mkdir(home, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(home, "fetching-"));
  try {
    const env = { ...children, PATH: path, HOME, LC_ALL: "C" };
    await rename(await fetchDebianFile(wanted, folder, env), cached);
    return { path: cached };
  } catch (error) {
    return { missing: `no ${name} on the PATH, and none from Debian: ${errorText(error)}` };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
