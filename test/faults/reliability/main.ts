import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withTables } from "./page.ts";
import { readResults } from "./results.ts";

// `npm run reliability`: makes the tables of docs/reliability.md from docs/reliability/*.json, which `npm run faults -- … --out FILE` writes.

const docs = join(import.meta.dirname, "../../../docs");
const page = join(docs, "reliability.md");
const results = readResults(join(docs, "reliability"));
writeFileSync(page, withTables(readFileSync(page, "utf8"), results));
console.log(`${results.length} results`);
