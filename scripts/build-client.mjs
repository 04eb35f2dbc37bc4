// `npm run build:client`: the clients for executors and for sessions as a package of its own, in packages/client/dist: `npm pack ./packages/client/dist` makes its tarball. It is
// compiled twice, as ES modules and as CommonJS, each with its types, so that every kind of resolution finds its own. Version and licence are the product's.

import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const source = join(root, "packages", "client");
const dist = join(source, "dist");

rmSync(dist, { recursive: true, force: true });
compile("esm", "module", ["--module", "esnext", "--moduleResolution", "bundler"]);
compile("cjs", "commonjs", ["--module", "commonjs", "--moduleResolution", "bundler"]);
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const { name, ...rest } = JSON.parse(readFileSync(join(source, "package.json"), "utf8"));
writeJson("package.json", { name, version, ...rest });
cpSync(join(source, "README.md"), join(dist, "README.md"));
cpSync(join(root, "LICENSE"), join(dist, "LICENSE"));

function compile(folder, type, options) {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const args = [tsc, "-p", join(source, "tsconfig.json"), "--outDir", join(dist, folder), ...options];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
  writeJson(join(folder, "package.json"), { type });
  // the compiler leaves `.ts` in declarations, which only new compilers resolve
  const files = readdirSync(join(dist, folder), { recursive: true, encoding: "utf8" });
  for (const file of files.filter((entry) => entry.endsWith(".d.ts"))) {
    const path = join(dist, folder, file);
    writeFileSync(path, readFileSync(path, "utf8").replaceAll(/(from "\.[\w/.-]+)\.ts"/g, '$1.js"'));
  }
}

function writeJson(file, value) {
  writeFileSync(join(dist, file), `${JSON.stringify(value, undefined, 2)}\n`);
}
