import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseJsonWithin, type JsonLimits } from "../../shared/base/json-scan.ts";
import type { Archive } from "../agent.ts";
import { newestParts } from "../recall.ts";
import type { SdkEntry, SdkKey, SdkStore } from "./sdk.ts";

// The CLI's transcript is mirrored into the session's log, so that a worker on another machine can go on with it. What is kept are the lines of the transcript, each part behind an
// end of line: a line that was cut off by a crash spoils no other one.

/** Most characters of an entry that is kept. The largest that were seen have a picture, or a whole file that was changed. */
const MOST_ENTRY: number = 8 * 1024 * 1024;
const LINE: JsonLimits & { bytes: number } = { bytes: 4 * MOST_ENTRY, depth: 128, values: 1_000_000 };

export type Transcript = {
  store: SdkStore;
  /** Entries that came from the CLI. */
  mirrored(): number;
};

export type TranscriptOf = {
  archive: Archive;
  runner: string;
  /** Where the CLI keeps its own transcripts. */
  folder: string;
  /** Called for each entry that is not kept, with its size in characters. */
  tooLarge: (chars: number) => void;
};

/** A store for the SDK. The entries' `uuid` tells repeats. */
export function createTranscript({ archive, runner, folder, tooLarge }: TranscriptOf): Transcript {
  let before: Promise<unknown> = Promise.resolve();
  let count = 0;
  let mark: string | undefined;
  let kept: ReadonlyMap<string, SdkEntry[]> = new Map();

  async function append({ sessionId, subpath }: SdkKey, entries: SdkEntry[]): Promise<void> {
    const lines = entries.map((it) => JSON.stringify(it));
    for (const { length } of lines) if (length > MOST_ENTRY) tooLarge(length);
    const text = lines.filter(({ length }) => length <= MOST_ENTRY).join("\n");
    if (subpath === undefined) mark = entries.findLast(({ uuid }) => uuid !== undefined)?.uuid ?? mark;
    const of = { runner, thread: sessionId, ...(subpath === undefined ? {} : { path: subpath }) };
    if (text !== "")
      await archive.add({ ...of, ...(mark === undefined ? {} : { mark }), text: `\n${text}\n` });
  }

  async function load({ sessionId, projectKey, subpath }: SdkKey): Promise<SdkEntry[] | null> {
    if (subpath !== undefined) return kept.get(subpath) ?? null;
    const newest = await archive.newest();
    if (newest?.runner === runner && newest.thread === sessionId) ({ mark } = newest);
    const own = join(folder, "projects", projectKey, `${sessionId}.jsonl`);
    if (mark !== undefined && (await hasEntry(own, mark))) return null;
    kept = await readTranscripts(archive, { runner, thread: sessionId });
    return kept.get("") ?? null;
  }

  return {
    mirrored: () => count,
    store: {
      append(key, entries) {
        count += entries.length;
        const added = before.then(() => append(key, entries));
        before = added.catch(() => undefined);
        return added;
      },
      load,
      listSubkeys: async () => [...kept.keys()].filter((path) => path !== ""),
    },
  };
}

/** Has this machine everything that the log has? Then the CLI's own file is the better one: it may have more. */
async function hasEntry(file: string, uuid: string): Promise<boolean> {
  try {
    return (await readFile(file)).includes(JSON.stringify(uuid));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** Entries by the path of their conversation, that of the session itself is empty. */
async function readTranscripts(
  archive: Archive,
  of: { runner: string; thread: string },
): Promise<ReadonlyMap<string, SdkEntry[]>> {
  const parts = Map.groupBy(await newestParts(archive, of), ({ path = "" }) => path);
  return new Map([...parts].map(([path, list]) => [path, entriesOf(list.map(({ text }) => text).join(""))]));
}

/** The entries of lines, each once. What is no entry was cut off. Pure. */
export function entriesOf(text: string): SdkEntry[] {
  const seen = new Set<string>();
  return text.split("\n").flatMap((line) => {
    const entry = line === "" ? undefined : parseJsonWithin(Buffer.from(line), LINE);
    if (!isEntry(entry)) return [];
    const { uuid } = entry;
    if (uuid !== undefined && seen.has(uuid)) return [];
    if (uuid !== undefined) seen.add(uuid);
    return [entry];
  });
}

function isEntry(value: unknown): value is SdkEntry {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}
