/** One import of a file, as it is written. `typesOnly`: nothing that exists at run time. */
export type Import = { from: string; to: string; typesOnly: boolean };

/**
 * Static imports and re-exports, side-effect imports, dynamic imports, and `import("…")` in types. They are read by a regular expression: TypeScript 7 has no
 * API for it yet, and the tools that know the rules report success over no files at all. Pure.
 */
export function importsOf(from: string, text: string): Import[] {
  const statements = text.matchAll(
    /^[ \t]*(?:import|export)\b(?<types>\s+type\b(?!\s+from\b|\s*,))?[^;"'`]*?\bfrom\s*["'](?<to>[^"']+)["']/gm,
  );
  const bare = text.matchAll(/^[ \t]*import\s*["'](?<to>[^"']+)["']/gm);
  const dynamic = text.matchAll(/\bimport\s*\(\s*["'](?<to>[^"']+)["']/g);
  return [
    ...[...statements].map(({ groups }) => ({
      from,
      to: groups?.["to"] ?? "",
      typesOnly: groups?.["types"] !== undefined,
    })),
    ...[...bare, ...dynamic].map(({ groups }) => ({ from, to: groups?.["to"] ?? "", typesOnly: false })),
  ];
}

/** Comments end a statement for our regular expression, and may hold examples. A `//` in a URL is none. */
export function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(^|[\s;{}(),])\/\/[^\n]*/g, "$1");
}
