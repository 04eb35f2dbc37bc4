import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { codedError, errorText, isCoded } from "../shared/base/errors.ts";
import { homeFolder } from "../shared/base/home-folder.ts";
import type { Logger } from "../shared/base/logger.ts";
import { MIN_BROKER_VERSION } from "../shared/log/schema/topology.ts";
import { findExecutable, isExecutable, runCommand, type CommandEnv } from "./command.ts";
import { fetchFromApt } from "./fetch-apt.ts";
import { fetchFromGo } from "./fetch-go.ts";
import { fetchRelease, RELEASE_ARCHIVES } from "./fetch-release.ts";
import { isNewEnough, parseServerVersion } from "./version.ts";

// fetch-release.ts, fetch-apt.ts (with apt-sources.ts) and fetch-go.ts each fetch one · version.ts checks it · command.ts runs commands
// Each way to get a nats-server is a file with the same signature, so that the list below is the whole order, and a failed way costs one line of the message.

/** The inputs of the search, made by {@link brokerEnv}. */
export type BrokerEnv = {
  natsServerBin?: string;
  path?: string;
  home?: string;
  /** The folder for caches, `$XDG_CACHE_HOME`. */
  cache?: string;
  /** Variables for `apt-get` and `go`: proxies and Go's settings. */
  children?: CommandEnv;
};

/** A way to fetch a nats-server. It puts one into `folder` and returns its path, or rejects with the reason. */
export type Fetcher = { step: string; fetch: (folder: string, env: CommandEnv) => Promise<string> };

/** The ways, in the order in which they are tried (docs/contract.md, "Programs around `up`"). */
const FETCHERS: readonly Fetcher[] = [
  {
    step: "official release",
    fetch: (folder, env) =>
      fetchRelease(folder, env, RELEASE_ARCHIVES[`${process.platform}-${process.arch}`]),
  },
  { step: "Debian package", fetch: fetchFromApt },
  { step: "go install", fetch: fetchFromGo },
];

export type FoundBroker = { path: string; version: string; how: string };

/** The variables that are passed to `apt-get` and `go`, never our credentials. */
const CHILD_VARIABLE =
  /^(?:GO[A-Z]+|(?:https?|no|all)_proxy|(?:HTTPS?|NO|ALL)_PROXY|SSL_CERT_(?:FILE|DIR)|TMPDIR)$/;

/** Picks the inputs of {@link findBroker} from a process's environment. */
export function brokerEnv(environment: NodeJS.ProcessEnv): BrokerEnv {
  const { NATS_SERVER_BIN, PATH, XDG_CACHE_HOME } = environment;
  const home = homeFolder(environment);
  const children: CommandEnv = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && CHILD_VARIABLE.test(name)) children[name] = value;
  }
  return {
    ...(NATS_SERVER_BIN ? { natsServerBin: NATS_SERVER_BIN } : {}),
    // Debian installs nats-server to /usr/sbin, which is not in everyone's PATH.
    path: [PATH ?? "/usr/bin:/bin", "/usr/local/sbin", "/usr/sbin"].join(delimiter),
    ...(home === undefined ? {} : { home }),
    ...(XDG_CACHE_HOME ? { cache: XDG_CACHE_HOME } : {}),
    children,
  };
}

/**
 * Finds a nats-server, or fetches one into our cache (docs/contract.md, "Programs around `up`"). It tries `NATS_SERVER_BIN`, `PATH`, the cache, the official
 * release, the distribution's package and Go, in this order. A candidate must run and be new enough. If `NATS_SERVER_BIN` is set and cannot be used, nothing
 * else is tried. Throws `broker_missing` or `broker_too_old` with everything that was tried.
 */
export async function findBroker(options: {
  env: BrokerEnv;
  log: Logger;
  fetchers?: readonly Fetcher[];
}): Promise<FoundBroker> {
  const { env, log } = options;
  const commandEnv: CommandEnv = {
    ...env.children,
    PATH: env.path ?? "",
    ...(env.home === undefined ? {} : { HOME: env.home }),
    LC_ALL: "C", // so that all reasons are in one language
  };
  const tried: { step: string; error: unknown }[] = [];
  const attempt = async (step: string, find: () => Promise<string>): Promise<FoundBroker | undefined> => {
    try {
      const path = await find();
      return { path, version: await versionOf(path, commandEnv), how: step };
    } catch (error) {
      tried.push({ step, error });
      return undefined;
    }
  };

  if (env.natsServerBin !== undefined) {
    const path = env.natsServerBin;
    const found = await attempt("NATS_SERVER_BIN", () => Promise.resolve(path));
    if (found === undefined) throw nothingFits(tried);
    return found;
  }

  const cache = cacheFolder(env);
  const cached = cache === undefined ? undefined : join(cache, "nats-server");
  const inPath = findExecutable("nats-server", env.path);
  const present =
    (await attempt("PATH", () => orElse(inPath, "none there"))) ??
    (await attempt("cache", () => inCache(cached)));
  if (present !== undefined) return present;
  if (cached === undefined) throw nothingFits(tried);

  for (const { step, fetch } of options.fetchers ?? FETCHERS) {
    log.info({ step }, "no suitable nats-server was found, fetching one");
    const found = await attempt(step, () => intoCache(cached, commandEnv, fetch));
    if (found !== undefined) {
      log.info(found, "nats-server fetched");
      return found;
    }
  }
  throw nothingFits(tried);
}

async function inCache(cached: string | undefined): Promise<string> {
  if (cached === undefined)
    throw new Error("there is no cache: this user has no home folder, and XDG_CACHE_HOME is not set to one");
  return orElse(isExecutable(cached) ? cached : undefined, `none at ${cached}`);
}

async function orElse(path: string | undefined, otherwise: string): Promise<string> {
  if (path === undefined) throw new Error(otherwise);
  return path;
}

/** Rejects unless the file runs, reports its version, and is new enough. */
async function versionOf(path: string, env: CommandEnv): Promise<string> {
  const output = await runCommand(path, ["--version"], { env, timeoutMs: 10_000 });
  const version = parseServerVersion(output);
  if (version === undefined) throw new Error(`${path} is not a nats-server: ${output.trim().slice(0, 80)}`);
  if (!isNewEnough(version)) {
    throw codedError("broker_too_old", `${path} is ${version}, ${MIN_BROKER_VERSION} is needed`);
  }
  return version;
}

/** Fetches into a temporary folder beside the cached file and moves the result there, so that two processes cannot disturb each other. */
async function intoCache(cached: string, env: CommandEnv, fetch: Fetcher["fetch"]): Promise<string> {
  const home = join(cached, "..");
  await mkdir(home, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(home, "fetching-"));
  try {
    const fetched = await fetch(folder, env);
    await versionOf(fetched, env);
    await rename(fetched, cached);
    return cached;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The user's cache folder. By the XDG specification, a relative path in the variable is ignored. */
function cacheFolder({ cache, home }: BrokerEnv): string | undefined {
  if (cache !== undefined && isAbsolute(cache)) return join(cache, "runner-relay");
  return home === undefined ? undefined : join(home, ".cache", "runner-relay");
}

function nothingFits(tried: readonly { step: string; error: unknown }[]): Error {
  const lines = tried.map(({ step, error }) => `  ${step}: ${errorText(error)}`);
  const tooOld = tried.some(({ error }) => isCoded(error, "broker_too_old"));
  return codedError(
    tooOld ? "broker_too_old" : "broker_missing",
    [
      `no nats-server ${MIN_BROKER_VERSION} or newer was found or could be fetched. Tried:`,
      ...lines,
      "Install one (https://github.com/nats-io/nats-server/releases) on the PATH, or name it in NATS_SERVER_BIN,",
      "or set NATS_URL to use your own broker.",
    ].join("\n"),
  );
}
