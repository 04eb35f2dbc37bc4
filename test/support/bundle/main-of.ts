import { join, resolve } from "node:path";

const SRC = resolve(import.meta.dirname, "../../../src");

/** A process with a composition root of its own. */
export type Part = "cli" | "gateway" | "relay" | "console" | "sessions" | "standin" | "worker";

/** The composition root of a process: bundled in `npm test`, otherwise the source. */
export function mainOf(part: Part): string {
  const bundle = process.env["TEST_BUNDLE"];
  return bundle === undefined ? join(SRC, part, "main.ts") : join(bundle, part, "main.js");
}
