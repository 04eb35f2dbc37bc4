import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { brokerEnv } from "../../../src/embedded/binary.ts";
import { findExecutable, runCommand } from "../../../src/embedded/command.ts";
import { fetchDebianFile, type DebianFile } from "../../../src/embedded/fetch-apt.ts";

// Rivals are fetched when somebody asks for them: what npm has by package-lock.json of this folder, what Debian has out of its packages, which are unpacked and not installed.

const HERE = import.meta.dirname;
const LOCKED = ["package.json", "package-lock.json"];
const INSTALL_MS = 600_000;

/** Folder of the rivals' packages, as locked, with our programs beside them. */
export async function fetchPackages(): Promise<string> {
  const hash = createHash("sha1");
  for (const name of LOCKED) hash.update(readFileSync(join(HERE, name)));
  const folder = await fetched(`npm-${hash.digest("hex").slice(0, 12)}`, async (to) => {
    for (const name of LOCKED) cpSync(join(HERE, name), join(to, name));
    await runCommand("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
      env: ownEnv(), // npm's own settings are in there
      timeoutMs: INSTALL_MS,
      cwd: to,
    });
  });
  cpSync(join(HERE, "programs"), join(folder, "programs"), { recursive: true });
  return folder;
}

/** A program of Debian and the libraries that it needs. */
export type DebianProgram = { path: string; env: Record<string, string> };

const LIBRARIES = `usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`;
const REDIS: readonly DebianFile[] = [
  { package: "redis-tools", file: "usr/bin/redis-check-rdb" }, // the server itself is a link to it
  { package: "libjemalloc2", file: `${LIBRARIES}/libjemalloc.so.2` },
  { package: "liblzf1", file: `${LIBRARIES}/liblzf.so.1` },
  { package: "libatomic1", file: `${LIBRARIES}/libatomic.so.1` },
];

/** Redis: on the PATH, else out of Debian's packages. */
export async function fetchRedis(): Promise<DebianProgram> {
  const inPath = findExecutable("redis-server", process.env["PATH"]);
  if (inPath !== undefined) return { path: inPath, env: {} };
  const folder = await fetched("redis", async (to) => {
    for (const file of REDIS) await fetchDebianFile(file, to, childEnv());
    cpSync(join(to, "deb/usr/bin/redis-check-rdb"), join(to, "redis-server"));
  });
  return {
    path: join(folder, "redis-server"),
    env: { LD_LIBRARY_PATH: join(folder, "deb", LIBRARIES) },
  };
}

/** A folder of the cache that `fill` fills once. */
async function fetched(name: string, fill: (to: string) => Promise<void>): Promise<string> {
  const home = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "runner-relay", "rivals");
  const folder = join(home, name);
  if (existsSync(folder)) return folder;
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const making = mkdtempSync(join(home, "fetching-"));
  try {
    await fill(making);
    renameSync(making, folder);
    return folder;
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

function childEnv(): Record<string, string> {
  const { children = {}, path = "", home: HOME = homedir() } = brokerEnv(process.env);
  return { ...children, PATH: path, HOME, LC_ALL: "C" };
}

function ownEnv(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
