import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Version of a package that is installed in a folder. */
export function versionIn(folder: string, name: string): string {
  const text = readFileSync(join(folder, "node_modules", name, "package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
