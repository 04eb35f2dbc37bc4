import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { brokerEnv } from "../../src/embedded/binary.ts";
import { findExecutable, runCommand, type CommandEnv } from "../../src/embedded/command.ts";
import { errorText } from "../../src/shared/base/errors.ts";

/** The release that docs/operations/nats-cli.md shows. */
const VERSION = "v0.4.0";
const MODULE = "github.com/nats-io/natscli";
/** Two idle cores need about a minute, a busy machine many times that. The limit is for a build that hangs. */
const BUILD_MS = 25 * 60_000;

/** What the global set-up found; the workers inherit it. */
const FOUND = "TEST_NATS_CLI";
const MISSING = "TEST_NATS_CLI_MISSING";

/** Finds or builds the command once for a whole run, before the first test: inside a test its time would be the test's. */
export async function setUpNatsCli(environment: NodeJS.ProcessEnv = process.env): Promise<void> {
  const found = await findNatsCli(environment);
  if ("path" in found) environment[FOUND] = found.path;
  else environment[MISSING] = found.missing;
}

/** The command that the global set-up found or built, or why there is none. */
export function natsCli(
  environment: NodeJS.ProcessEnv = process.env,
): { path: string } | { missing: string } {
  const path = environment[FOUND];
  return path === undefined ? { missing: environment[MISSING] ?? "the global set-up did not run" } : { path };
}

/**
 * The `nats` command: on the PATH, else in our cache, else built by Go from its module proxy into our cache; or why there is none, for
 * tests that then say so.
 */
export async function findNatsCli(
  environment: NodeJS.ProcessEnv = process.env,
): Promise<{ path: string } | { missing: string }> {
  const inPath = findExecutable("nats", environment["PATH"]);
  if (inPath !== undefined) return { path: inPath };
  const { HOME = homedir(), XDG_CACHE_HOME } = environment;
  const home = join(XDG_CACHE_HOME || join(HOME, ".cache"), "runner-relay");
  const cached = join(home, "nats");
  if (existsSync(cached)) return { path: cached };
  const { children = {}, path = "" } = brokerEnv(environment);
  if (findExecutable("go", path) === undefined)
    return { missing: "no nats on the PATH, and no go to build it with" };
  await mkdir(home, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(home, "fetching-"));
  try {
    await rename(await build(folder, { ...children, PATH: path, HOME, LC_ALL: "C" }), cached);
    return { path: cached };
  } catch (error) {
    return { missing: `no nats on the PATH, and Go cannot build it: ${errorText(error)}` };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `go install …@version` asks the proxy for a list of versions, which not every proxy has; a module that requires it does not. */
async function build(folder: string, env: CommandEnv): Promise<string> {
  await writeFile(join(folder, "go.mod"), `module build\n\ngo 1.24\n\nrequire ${MODULE} ${VERSION}\n`);
  const binary = join(folder, "nats");
  await runCommand("go", ["build", "-mod=mod", "-modcacherw", "-o", binary, `${MODULE}/nats`], {
    cwd: folder,
    env: {
      ...env,
      CGO_ENABLED: "0",
      GOPATH: join(folder, "gopath"),
      GOCACHE: join(folder, "gocache"),
      GOMODCACHE: join(folder, "gomod"),
    },
    timeoutMs: BUILD_MS,
  });
  return binary;
}
