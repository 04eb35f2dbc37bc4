import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { glob, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { rolldown, type Plugin } from "rolldown";
import type { Part } from "./main-of.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const SRC = join(ROOT, "src");
/** Inside `node_modules`, so that packages are found from there. */
const BUNDLES = join(ROOT, "node_modules/.cache/processes");
const PARTS: readonly Part[] = ["cli", "gateway", "relay", "console", "sessions", "standin", "worker"];
const DAY_MS = 24 * 3600 * 1000;
/** Packages that start other files of their own, that a process loads only when it is configured, or that a bundle cannot hold (UMD). */
const LEFT_OUT = [/^pino($|\/)/, /^msgpackr-extract$/, /^jsonc-parser$/, /^@opentelemetry\//];

/**
 * Bundles the processes for the tests, and returns the folder; `cli/main.js` and the others lie in it as in `dist`. To read and link a thousand modules
 * costs a process 0.2 s of processor time, and `npm test` starts hundreds of processes. The package itself is tested as it is packed.
 */
export async function bundleProcesses(): Promise<string> {
  const folder = join(BUNDLES, await fingerprint());
  if (existsSync(folder)) return folder;
  await removeOld();
  const draft = `${folder}.${process.pid}`;
  await mkdir(draft, { recursive: true });
  // else Node reads each file twice, to learn which kind of module it is
  await writeFile(join(draft, "package.json"), '{ "type": "module" }\n');
  await Promise.all([
    ...PARTS.map((part) => bundle(part, "main", folder, draft)),
    bundle("guard", "process", folder, draft),
  ]);
  await rename(draft, folder).catch((error: unknown) => {
    if (!existsSync(folder)) throw error; // otherwise another run was faster
  });
  return folder;
}

/** One process by itself: it starts from few files, where parts of all processes together would be two hundred. */
async function bundle(part: string, name: string, folder: string, draft: string): Promise<void> {
  await using made = await rolldown({
    input: { [`${part}/${name}`]: join(SRC, part, `${name}.ts`) },
    platform: "node",
    external: LEFT_OUT,
    plugins: [keepPlaces(folder), withoutBrowserClasses],
  });
  await made.write({ dir: draft, format: "esm", chunkFileNames: `${part}/chunks/[name]-[hash].js` });
}

/** Removes bundles of other days; tests beside these may still run the newer ones. */
async function removeOld(): Promise<void> {
  for (const name of await readdir(BUNDLES).catch(() => [])) {
    const folder = join(BUNDLES, name);
    const { mtimeMs } = await stat(folder);
    if (Date.now() - mtimeMs > DAY_MS) await rm(folder, { recursive: true, force: true });
  }
}

/** Changes with everything that a bundle is made of. */
async function fingerprint(): Promise<string> {
  const hash = createHash("sha256");
  const files = await Array.fromAsync(glob("**/*.ts", { cwd: SRC }));
  for (const file of [
    ...files.map((it) => join(SRC, it)),
    join(ROOT, "package-lock.json"),
    import.meta.filename,
  ].sort())
    hash.update(file).update(await readFile(file));
  return hash.digest("hex").slice(0, 16);
}

/**
 * Who imports Node's `http` gets the classes of browsers that it also exports (`WebSocket`), and Node reads its whole `fetch` for them: a tenth of a start. Who
 * requires it gets them when they are used.
 */
const withoutBrowserClasses: Plugin = {
  name: "without-browser-classes",
  resolveId: (id) => (/^(node:)?http$/.test(id) ? "\0http" : null),
  load: (id) => (id === "\0http" ? 'module.exports = process.getBuiltinModule("node:http");' : null),
};

/** Modules that start other processes find those in the bundle. */
const STARTERS = ["cli/up/plans", "guard/guard"];

/** A module finds the files beside it where its source is, but for those that start processes. */
function keepPlaces(folder: string): Plugin {
  return {
    name: "keep-places",
    transform(code, id) {
      if (!id.startsWith(SRC) || !code.includes("import.meta.")) return null;
      const starter = STARTERS.find((it) => id === join(SRC, `${it}.ts`));
      const place = starter === undefined ? id : join(folder, `${starter}.js`);
      return code
        .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(place).href))
        .replaceAll("import.meta.dirname", JSON.stringify(join(place, "..")));
    },
  };
}
