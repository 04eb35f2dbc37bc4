import { readFileSync } from "node:fs";

/** The version of this program, from its `package.json` (two folders up, both from the sources and from `dist`). */
export const VERSION: string = readVersion(new URL("../../../package.json", import.meta.url));

/** The `User-Agent` of our requests. */
export const USER_AGENT: string = `runner-relay/${VERSION}`;

function readVersion(file: URL): string {
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  return version;
}
