// Bundles libraries that are large on the disk and small in use into the one module of dist that imports each, so that they need not be installed with the
// package. Their licences go into dist/THIRD-PARTY.txt, as they ask for.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";

/** Modules of src that are the only ones to import the packages named. */
const DOORS = [
  { module: "mcp/library", packages: [/^@modelcontextprotocol\//, /^zod($|\/)/] },
  { module: "shared/base/otel", packages: [/^@opentelemetry\//] },
];

/** Replaces the doors in `dist` below `root` by their bundles. */
export async function bundleDoors(root) {
  const bundled = new Set();
  for (const { module, packages } of DOORS) {
    const file = join(root, "dist", `${module}.js`);
    const known = (id) => packages.some((name) => name.test(id));
    const bundle = await rolldown({
      input: file,
      platform: "node",
      // inside of a package everything belongs to it; of the door's own imports only these packages do
      external: (id, importer, isResolved) => !isResolved && importer === file && !known(id),
    });
    const { output } = await bundle.write({ file, format: "esm", minify: true, codeSplitting: false });
    await bundle.close();
    for (const { modules = {} } of output)
      for (const id of Object.keys(modules)) if (folderOf(id) !== undefined) bundled.add(folderOf(id));
  }
  writeFileSync(
    join(root, "dist", "THIRD-PARTY.txt"),
    [...bundled]
      .toSorted((a, b) => (a < b ? -1 : 1))
      .map(notice)
      .join("\n\n"),
  );
}

/** The folder of the package that a module belongs to. */
function folderOf(id) {
  return /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1];
}

function notice(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const texts = readdirSync(folder)
    .filter((file) => /^(licen[cs]e|notice)/i.test(file))
    .map((file) => readFileSync(join(folder, file), "utf8").trim());
  return [`${name} ${version}, ${license}`, ...texts].join("\n\n");
}
