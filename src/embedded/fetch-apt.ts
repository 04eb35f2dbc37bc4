import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorText } from "../shared/base/errors.ts";
import { deriveSource, osRelease, parseDeb822, parseSourcesList, type AptSource } from "./apt-sources.ts";
import { findExecutable, runCommand, type CommandEnv } from "./command.ts";

/** Debian's suites that carry nats-server 2.15, the more stable one first. */
const SUITES = ["forky", "sid"];
/** Time limit of each step. The index has 10 MB (about 3 s), the package 5 MB. */
const STEP_TIMEOUT_MS = 90_000;

/** A file in a Debian package. `suites`: the suites to try, in this order; if empty, the machine's own. */
export type DebianFile = { package: string; file: string; suites?: readonly string[] };

/** Fetches Debian's nats-server from a newer suite than the machine's, see {@link fetchDebianFile}. */
export function fetchFromApt(folder: string, env: CommandEnv): Promise<string> {
  return fetchDebianFile(
    { package: "nats-server", file: "usr/sbin/nats-server", suites: SUITES },
    folder,
    env,
  );
}

/**
 * Takes a file out of a Debian package, with the machine's mirror and keyring. apt checks the signatures, nothing is installed, and root is not needed.
 * Returns the file inside `folder`. Rejects with the reason.
 */
export async function fetchDebianFile(wanted: DebianFile, folder: string, env: CommandEnv): Promise<string> {
  for (const tool of ["apt-get", "dpkg-deb"]) {
    if (findExecutable(tool, env["PATH"]) === undefined) throw new Error(`no ${tool} here`);
  }
  const release = await readFile("/etc/os-release", "utf8");
  const codename = osRelease(release, "VERSION_CODENAME");
  if (osRelease(release, "ID") !== "debian" || codename === undefined)
    throw new Error("not a Debian release");
  const sources = await configuredSources();

  const failures: string[] = [];
  for (const suite of wanted.suites ?? [codename]) {
    const source = deriveSource(sources, codename, suite);
    if (source === undefined) throw new Error(`no source of ${codename} is configured to derive from`);
    try {
      return await fetchSuite(wanted, source, folder, env);
    } catch (error) {
      failures.push(`${suite}: ${errorText(error)}`);
    }
  }
  throw new Error(failures.join("; "));
}

async function fetchSuite(
  wanted: DebianFile,
  source: string,
  folder: string,
  env: CommandEnv,
): Promise<string> {
  // This is not below `folder`, because apt, if started by root, drops to its own user, who cannot enter a home folder.
  const work = await mkdtemp(join(tmpdir(), "runner-relay-apt-"));
  try {
    await chmod(work, 0o755);
    const sourceFile = join(work, "suite.sources");
    await writeFile(sourceFile, source);
    for (const part of ["state/lists/partial", "cache/archives/partial"]) {
      await mkdir(join(work, part), { recursive: true });
    }
    const options = Object.entries({
      "Dir::Etc::sourcelist": sourceFile,
      "Dir::Etc::sourceparts": "-",
      "Dir::Etc::preferences": "-", // the machine's pins are for its own packages
      "Dir::Etc::preferencesparts": "-",
      "Dir::State": join(work, "state"),
      "Dir::State::lists": join(work, "state/lists"),
      "Dir::Cache": join(work, "cache"),
      "APT::Default-Release": "",
      "APT::Update::Error-Mode": "any", // otherwise an unreachable mirror would only be a warning
      "Acquire::Retries": "0",
      "Acquire::http::Timeout": "10",
      "Acquire::https::Timeout": "10",
      "Acquire::Languages": "none",
      "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
    }).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
    const apt = (...args: string[]): Promise<string> =>
      runCommand("apt-get", [...options, "-q", ...args], { env, timeoutMs: STEP_TIMEOUT_MS, cwd: work });

    await apt("update");
    await apt("download", wanted.package);
    const deb = (await readdir(work)).find((name) => name.endsWith(".deb"));
    if (deb === undefined) throw new Error("apt-get downloaded nothing");
    const unpacked = join(folder, "deb");
    await runCommand("dpkg-deb", ["-x", join(work, deb), unpacked], { env, timeoutMs: STEP_TIMEOUT_MS });
    return join(unpacked, wanted.file);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function configuredSources(): Promise<AptSource[]> {
  const parts = "/etc/apt/sources.list.d";
  const names = await readdir(parts).catch(() => []);
  const files = ["/etc/apt/sources.list", ...names.map((name) => join(parts, name))];
  const lists = await Promise.all(
    files.map(async (file) => {
      const text = await readFile(file, "utf8").catch(() => "");
      return file.endsWith(".sources")
        ? parseDeb822(text)
        : file.endsWith(".list")
          ? parseSourcesList(text)
          : [];
    }),
  );
  return lists.flat();
}
