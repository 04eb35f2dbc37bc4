import { readFileSync } from "node:fs";
import { resolve } from "node:path";

const DOCS = resolve(import.meta.dirname, "../../../docs");

/** The pages of docs/operations, as paths within the repository, in the order in which docs/README.md lists them. */
export function operationsPages(): string[] {
  const index = readFileSync(resolve(DOCS, "README.md"), "utf8");
  return [...index.matchAll(/\]\((operations\/[\w-]+\.md)\)/g)].map(([, page = ""]) => `docs/${page}`);
}
