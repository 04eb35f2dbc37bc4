import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { brokerEnv } from "../../src/embedded/binary.ts";
import { findExecutable, runCommand, type CommandEnv } from "../../src/embedded/command.ts";
import { errorText } from "../../src/shared/base/errors.ts";

/** A program that Go builds from its module proxy. */
export type GoTool = {
  /** What the program is called, on the PATH and in our cache. */
  name: string;
  module: string;
  /** As in `v1.2.3`; also part of the name in the cache, unless the one on the PATH will do. */
  version: string;
  /** The package with its `main`. */
  main: string;
  /** Modules that the module itself replaces by folders of its repository, and their versions. */
  replaced?: Readonly<Record<string, string>>;
  /** For the linker. */
  ldflags?: string;
  /** It runs for moments only: not to optimise it makes its build a fifth shorter. */
  brief?: true;
  /** The one on the PATH does as well. */
  anyVersion?: true;
};

export type FoundTool = { path: string } | { missing: string };

/** Two idle cores need a minute for most, and six for Kubernetes' API server; a busy machine many times that. The limit is for a build that hangs. */
export const BUILD_MS: number = 60 * 60_000;

/** Our cache of programs for tests. */
export function toolCache({ HOME = homedir(), XDG_CACHE_HOME }: NodeJS.ProcessEnv): string {
  return join(XDG_CACHE_HOME || join(HOME, ".cache"), "runner-relay");
}

/** The program: on the PATH, else in our cache, else built into it; or why there is none, for tests that then say so. */
export async function findGoTool(
  tool: GoTool,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<FoundTool> {
  const { name, version, anyVersion } = tool;
  const inPath = anyVersion && findExecutable(name, environment["PATH"]);
  if (inPath) return { path: inPath };
  const home = toolCache(environment);
  const cached = join(home, anyVersion ? name : `${name}-${version}`);
  if (existsSync(cached)) return { path: cached };
  const { children = {}, path = "", home: HOME = homedir() } = brokerEnv(environment);
  if (findExecutable("go", path) === undefined)
    return { missing: `no ${name} on the PATH, and no go to build it with` };
  await mkdir(home, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(home, "fetching-"));
  try {
    await rename(await build(tool, folder, { ...children, PATH: path, HOME, LC_ALL: "C" }), cached);
    return { path: cached };
  } catch (error) {
    return { missing: `no ${name}, and Go cannot build it: ${errorText(error)}` };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * `go install …@version` asks the proxy for a list of versions, which not every proxy has, and refuses modules that replace others; a module that requires
 * it does neither. What is built on the way stays in folders that the environment names (`GOCACHE`, `GOMODCACHE`), or nowhere.
 */
async function build(tool: GoTool, folder: string, env: CommandEnv): Promise<string> {
  const { name, module, version, main, replaced = {}, ldflags, brief } = tool;
  const replaces = Object.entries(replaced).map(([it, at]) => `replace ${it} => ${it} ${at}\n`);
  await writeFile(
    join(folder, "go.mod"),
    `module build\n\ngo 1.24\n\nrequire ${module} ${version}\n${replaces.join("")}`,
  );
  const binary = join(folder, name);
  const flags = [
    ...(brief ? ["-gcflags", "all=-N -l -dwarf=false"] : []),
    ...(ldflags === undefined ? [] : ["-ldflags", ldflags]),
  ];
  await runCommand("go", ["build", "-mod=mod", "-modcacherw", ...flags, "-o", binary, main], {
    cwd: folder,
    env: {
      CGO_ENABLED: "0",
      GOPATH: join(folder, "gopath"),
      GOCACHE: join(folder, "gocache"),
      GOMODCACHE: join(folder, "gomod"),
      GOFLAGS: "-buildvcs=false",
      GOTOOLCHAIN: "auto",
      ...env,
    },
    timeoutMs: BUILD_MS,
  });
  return binary;
}
