// `npm run build`, and `npm pack` by itself: the sources as JavaScript in dist/. An old dist goes first, or a module that was removed would
// still be published.

import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
rmSync(join(root, "dist"), { recursive: true, force: true });
const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
const { status } = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], {
  cwd: root,
  stdio: "inherit",
});
process.exitCode = status ?? 1;
// the client for executors, which an image does not need
const client = join(root, "scripts", "build-client.mjs");
if (process.exitCode === 0 && existsSync(client)) await import(pathToFileURL(client).href);
