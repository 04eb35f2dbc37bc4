/** The fields of an apt source that we need. */
export type AptSource = { uris: string[]; suites: string[]; components: string[]; signedBy?: string };

/** Parses a deb822 file (`*.sources`). Pure. */
export function parseDeb822(text: string): AptSource[] {
  return text
    .replace(/^#.*\n?/gm, "")
    .split(/\n(?:[ \t]*\n)+/)
    .map(fieldsOf)
    .filter((fields) => words(fields.get("types")).includes("deb") && fields.get("enabled") !== "no")
    .map((fields) => ({
      uris: words(fields.get("uris")),
      suites: words(fields.get("suites")),
      components: words(fields.get("components")),
      ...signature(fields.get("signed-by")),
    }));
}

/** The fields of one stanza. Continuation lines keep their line breaks, because an embedded key needs them. */
function fieldsOf(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const [, name, value] of stanza.matchAll(/^([A-Za-z][\w-]*):[ \t]*(.*(?:\n[ \t].*)*)/gm)) {
    if (name !== undefined && value !== undefined) fields.set(name.toLowerCase(), value.trim());
  }
  return fields;
}

/** Parses a file in one-line style (`sources.list`, `*.list`). Pure. */
export function parseSourcesList(text: string): AptSource[] {
  return [...text.matchAll(/^[ \t]*deb[ \t]+(?:\[([^\]]*)\][ \t]+)?(\S+)[ \t]+(\S+)[ \t]*([^#\n]*)/gm)].map(
    ([, options, uri, suite, components]) => ({
      uris: words(uri),
      suites: words(suite),
      components: words(components),
      ...signature(/(?:^|\s)signed-by=(\S+)/i.exec(options ?? "")?.[1]),
    }),
  );
}

/**
 * Derives a source with another suite from the machine's own, in deb822 format, with the same mirror and keyring. It starts from the entry for the
 * machine's release (`codename`), not from its updates or security suites. Undefined if there is none. Pure.
 */
export function deriveSource(
  sources: readonly AptSource[],
  codename: string,
  suite: string,
): string | undefined {
  const base = sources.find((s) => s.suites.includes(codename) && s.components.includes("main"));
  if (base === undefined) return undefined;
  const lines = ["Types: deb", `URIs: ${base.uris.join(" ")}`, `Suites: ${suite}`, "Components: main"];
  if (base.signedBy !== undefined) lines.push(`Signed-By: ${base.signedBy}`);
  return `${lines.join("\n")}\n`;
}

/** The value of a key in `/etc/os-release`. Pure. */
export function osRelease(text: string, key: string): string | undefined {
  return new RegExp(`^${key}=["']?([^"'\\n]*)`, "m").exec(text)?.[1];
}

function words(text: string | undefined): string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}

function signature(signedBy: string | undefined): { signedBy?: string } {
  return signedBy === undefined ? {} : { signedBy };
}
