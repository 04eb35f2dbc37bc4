import type { Archive, ArchivePart } from "../../src/agents/agent.ts";

/** An archive in memory. */
export function createArchive(parts: ArchivePart[] = []): Archive & { readonly kept: ArchivePart[] } {
  return {
    kept: parts,
    async add(part) {
      parts.push(part);
    },
    newest: () => Promise.resolve(parts.at(-1)),
    async *parts() {
      yield* parts;
    },
  };
}
