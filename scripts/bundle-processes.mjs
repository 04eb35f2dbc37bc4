// Bundles each process of dist with the libraries that it uses: to read and link a thousand modules costs a process half of the processor time of its start,
// and up to 20 MB of memory from then on (docs/adr/0065-each-process-is-a-bundle.md). The licences of what is bundled go into dist/THIRD-PARTY.txt, as they
// ask for.

import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { rolldown } from "rolldown";

/** Modules of dist that are started as processes. */
const PROCESSES = [
  ...["cli", "gateway", "relay", "console", "sessions", "standin", "worker"].map((part) => `${part}/main`),
  "guard/process",
];
/** Files that a browser gets as they are. */
const ASSETS = ["console/client.js"];
/** Packages that start other files of their own (pino), that a bundle cannot hold (UMD), or that are not everywhere (native code). */
const LEFT_OUT = [/^pino($|\/)/, /^jsonc-parser$/, /^msgpackr-extract$/];
/** Names of classes stay, because errors and logs show them. */
const KEPT = { function: false, class: true };
const MINIFY = {
  mangle: { keepNames: KEPT },
  compress: { keepNames: KEPT },
  codegen: { removeWhitespace: true },
};

/** Replaces the modules in `dist` below `root` by bundles. */
export async function bundleProcesses(root) {
  const dist = join(root, "dist");
  const modules = join(root, "dist.modules"); // beside dist, so that packages are found from there
  rmSync(modules, { recursive: true, force: true });
  renameSync(dist, modules);
  try {
    const packages = new Set();
    for (const it of PROCESSES)
      for (const folder of await bundleProcess({ modules, dist }, it)) packages.add(folder);
    for (const asset of ASSETS) {
      mkdirSync(dirname(join(dist, asset)), { recursive: true });
      copyFileSync(join(modules, asset), join(dist, asset));
    }
    const notices = [...packages].toSorted((a, b) => (a < b ? -1 : 1)).map(notice);
    writeFileSync(join(dist, "THIRD-PARTY.txt"), notices.join("\n\n"));
  } finally {
    rmSync(modules, { recursive: true, force: true });
  }
}

/** Writes the bundle of a process, what it loads later in files beside it. Returns the folders of the packages that it holds. */
async function bundleProcess({ modules, dist }, name) {
  const bundle = await rolldown({
    input: join(modules, `${name}.js`),
    platform: "node",
    external: LEFT_OUT,
    plugins: [keepPlaces(modules)],
  });
  const { output } = await bundle.write({
    dir: join(dist, dirname(name)),
    format: "esm",
    minify: MINIFY,
    entryFileNames: "[name].js",
    chunkFileNames: "[name]-[hash].js",
  });
  await bundle.close();
  const ids = output.flatMap(({ modules: held = {} }) => Object.keys(held));
  return ids.map(packageOf).filter((folder) => folder !== undefined);
}

/** A module finds the files beside it as if it lay where it was. Every file of a bundle lies one folder below dist, so that one relative path leads there. */
function keepPlaces(modules) {
  return {
    name: "keep-places",
    transform(code, id) {
      if (!id.startsWith(modules) || !code.includes("import.meta.url")) return null;
      const place = JSON.stringify(`../${relative(modules, id)}`);
      return code.replaceAll("import.meta.url", `new URL(${place}, import.meta.url).href`);
    },
  };
}

/** The folder of the package that a module belongs to. */
function packageOf(id) {
  return /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1];
}

function notice(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const texts = readdirSync(folder)
    .filter((file) => /^(licen[cs]e|notice)/i.test(file))
    .map((file) => readFileSync(join(folder, file), "utf8").trim());
  return [`${name} ${version}, ${license}`, ...texts].join("\n\n");
}
