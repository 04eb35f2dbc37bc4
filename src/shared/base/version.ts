import { readFileSync } from "node:fs";

/** Version of this program, from its `package.json` (two folders up from the sources and from `dist` alike). */
export const VERSION: string = readVersion(new URL("../../../package.json", import.meta.url));

/** How our requests say who sends them. */
export const USER_AGENT: string = `runner-relay/${VERSION}`;

function readVersion(file: URL): string {
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  return version;
}
