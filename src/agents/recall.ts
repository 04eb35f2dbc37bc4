import type { Archive, ArchivePart } from "./agent.ts";

/** Most characters that are read of what a back end remembers: several times what a model takes, and a worker may have 192 MB. */
export const MOST_RECALLED: number = 16 * 1024 * 1024;

/** The newest parts of a conversation, oldest first, up to {@link MOST_RECALLED}. A beginning that is missing does no harm: retention takes it as well. */
export async function newestParts(
  archive: Archive,
  of: { runner: string; thread: string },
): Promise<ArchivePart[]> {
  const parts: ArchivePart[] = [];
  let chars = 0;
  for await (const part of archive.parts()) {
    if (part.runner !== of.runner || part.thread !== of.thread) continue;
    parts.push(part);
    chars += part.text.length;
    while (chars > MOST_RECALLED) chars -= parts.shift()?.text.length ?? chars;
  }
  return parts;
}
