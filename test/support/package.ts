import { execFile } from "node:child_process";
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { networkOf } from "./machine.ts";

const ROOT = resolve(import.meta.dirname, "../..");
/** Packing builds, and installing asks the registry for every dependency: seconds each, on a busy machine minutes. */
export const NPM_MS: number = 8 * 60_000;
const run = promisify(execFile);

/** The package as a stranger has it. */
export type InstalledPackage = {
  /** To be removed by the test. */
  home: string;
  /** Where it is installed, with nothing else. */
  folder: string;
  command: string;
  /** For its processes: this Node first in PATH, and the machine's network settings. */
  env: Record<string, string>;
};

/** Packs the package and installs the tarball into an empty folder with npm. */
export async function installPackage(): Promise<InstalledPackage> {
  const home = await mkdtemp(join(tmpdir(), "rr-package-"));
  const folder = join(home, "somewhere");
  await mkdir(folder);
  const { PATH = "", HOME = home } = process.env;
  const env = { ...networkOf(process.env), PATH: [dirname(process.execPath), PATH].join(delimiter), HOME };
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", home], { cwd: ROOT, env });
  const [{ filename } = { filename: "" }] = JSON.parse(stdout.slice(stdout.indexOf("[\n"))) as {
    filename: string;
  }[];
  await run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", join(home, filename)], {
    cwd: folder,
    env,
  });
  return { home, folder, command: join(folder, "node_modules", ".bin", "runner-relay"), env };
}
