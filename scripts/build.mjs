// `npm run build`, and `npm pack` and an installation from a git URL by themselves: the sources as JavaScript in dist/. An old dist goes first, or a
// module that was removed would still be published. With `--if-possible` nothing happens without the compiler: `npm ci --omit=dev` prepares, too.

import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
if (process.argv.includes("--if-possible") && !existsSync(tsc)) process.exit(0);
rmSync(join(root, "dist"), { recursive: true, force: true });
const { status } = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], {
  cwd: root,
  stdio: "inherit",
});
process.exitCode = status ?? 1;
if (process.exitCode === 0) await (await import("./bundle-processes.mjs")).bundleProcesses(root);
// the client for executors, which an image does not need
const client = join(root, "scripts", "build-client.mjs");
if (process.exitCode === 0 && existsSync(client)) await import(pathToFileURL(client).href);
