import type { Result } from "./results.ts";
import { tableOf, type TableName } from "./tables.ts";

/** A place in the page that belongs to this program. */
const PLACE = /(<!-- made by npm run reliability: (\w+) -->\n)[^]*?(<!-- end of \2 -->)/g;

/** The page with its tables made from results; everything else of it stays. Pure. */
export function withTables(page: string, results: readonly Result[]): string {
  return page.replace(PLACE, (_all, begin: string, name: TableName, end: string) => {
    return `${begin}\n${tableOf(name, results)}\n\n${end}`;
  });
}

/** Names of the places in a page. Pure. */
export function placesIn(page: string): string[] {
  return [...page.matchAll(PLACE)].map(([, , name = ""]) => name);
}
