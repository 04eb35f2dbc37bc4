import { closeSync, fstatSync, openSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";

/** What happened to a folder that the broker holds open and that is not in its place any more. */
export type StoreLoss = {
  path: string;
  /** `emptied`: the folder is there, and the messages in it are not. */
  how: "removed" | "moved" | "replaced" | "emptied";
  /** Where it was moved to, if that can be found out. */
  to?: string;
  /** The stream whose own folder it is. Undefined for a folder above the streams. */
  stream?: string;
};

export type StoreWatch = {
  /** What is wrong with the store, the outermost folder first. Folders that are new since the last look are remembered. */
  look(): StoreLoss | undefined;
  /** Streams that the broker's next start would not know, because the file that describes them is missing or empty. */
  unsealed(): string[];
  /** The broker itself deleted the stream or made it anew, so its folder has to be looked up again. */
  forget(stream: string): void;
  close(): void;
};

/** What distinguishes a folder from every other one. */
type Place = { dev: number; ino: number };

/** A folder that the broker writes into; `stream`: the stream whose own folder it is. */
type Folder = { path: string; stream?: string };

/** A folder as it was opened. */
type Known = Place & { handle: number; hadMessages: boolean; emptyLooks: number };

/** The folder of the streams, in the data folder. */
const STREAMS = "broker/store/jetstream/$G/streams";
/** Looks in a row without messages before a folder counts as emptied: a purge by the broker replaces the folder of the messages, which is missing for a moment. */
const EMPTY_LOOKS = 2;

/**
 * Watches the folders of a running broker. A server whose folder was removed continues: it writes into files that cannot be found again, and acknowledges
 * (nats-server 2.15.1). Each folder is held open, so that we can find out what happened to it.
 */
export function createStoreWatch(
  dataDir: string,
  streams: readonly string[],
  stat: (path: string) => Place = statSync,
): StoreWatch {
  const home = join(dataDir, STREAMS);
  const folders = foldersOf(dataDir, streams);
  const known = new Map<string, Known>();

  function lookAt({ path, stream }: Folder): StoreLoss | undefined {
    const here = placeAt(stat, path);
    if (here === "hidden") return undefined;
    const before = known.get(path);
    if (before === undefined) {
      if (here !== undefined) learn(path, stream);
      return undefined;
    }
    const named = stream === undefined ? {} : { stream };
    if (here === undefined || here.ino !== before.ino || here.dev !== before.dev)
      return { path, ...whatBecameOf(before.handle, path, here !== undefined), ...named };
    if (stream === undefined) return undefined;
    const filled = hasMessages(path);
    before.hadMessages ||= filled;
    before.emptyLooks = before.hadMessages && !filled ? before.emptyLooks + 1 : 0;
    return before.emptyLooks >= EMPTY_LOOKS ? { path, how: "emptied", ...named } : undefined;
  }

  function learn(path: string, stream: string | undefined): void {
    try {
      const handle = openSync(path, "r");
      const { dev, ino } = fstatSync(handle);
      const hadMessages = stream !== undefined && hasMessages(path);
      known.set(path, { handle, dev, ino, hadMessages, emptyLooks: 0 });
    } catch {
      // it went away between two questions; the next look will find out
    }
  }

  function forget(path: string): void {
    const before = known.get(path);
    known.delete(path);
    if (before !== undefined) closeSync(before.handle);
  }

  return {
    look() {
      let found: StoreLoss | undefined;
      for (const folder of folders) found ??= lookAt(folder);
      return found;
    },
    unsealed: () =>
      streams.filter((stream) => known.has(join(home, stream)) && !isSealed(join(home, stream))),
    forget: (stream) => forget(join(home, stream)),
    close() {
      for (const path of known.keys()) forget(path);
    },
  };
}

/** The outermost folder first. Pure. */
function foldersOf(dataDir: string, streams: readonly string[]): Folder[] {
  const parents = ["broker", "broker/store", "broker/store/jetstream", "broker/store/jetstream/$G", STREAMS];
  return [
    { path: dataDir },
    ...parents.map((folder) => ({ path: join(dataDir, folder) })),
    ...streams.map((stream) => ({ path: join(dataDir, STREAMS, stream), stream })),
  ];
}

/** For people. Pure. */
export function lossText({ path, how, to }: StoreLoss): string {
  switch (how) {
    case "removed":
      return `${path} was removed while the broker ran`;
    case "moved":
      return `${path} was moved away while the broker ran${to === undefined ? "" : `, to ${to}`}`;
    case "replaced":
      return `${path} was replaced by another folder while the broker ran${to === undefined ? "" : `, and is now ${to}`}`;
    case "emptied":
      return `the messages in ${path} were removed while the broker ran`;
  }
}

/** Whether what the broker stored can still be found somewhere. Pure. */
export function isStillThere({ how, to }: StoreLoss): boolean {
  return how === "moved" || (how === "replaced" && to !== undefined);
}

/** What is at a path. `hidden`: we have no right to see it; the broker itself will say whether it can write. */
function placeAt(stat: (path: string) => Place, path: string): Place | "hidden" | undefined {
  try {
    return stat(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    return code === "EACCES" || code === "EPERM" ? "hidden" : undefined;
  }
}

function whatBecameOf(handle: number, path: string, another: boolean): Pick<StoreLoss, "how" | "to"> {
  const gone = fstatSync(handle).nlink === 0;
  const to = gone ? undefined : placeOf(handle);
  const elsewhere = to === undefined || to === path ? {} : { to };
  if (another) return { how: "replaced", ...elsewhere };
  return gone ? { how: "removed" } : { how: "moved", ...elsewhere };
}

/** Where an open folder is now; only Linux can say. */
function placeOf(handle: number): string | undefined {
  try {
    const place = readlinkSync(`/proc/self/fd/${handle}`);
    return place.endsWith(" (deleted)") ? undefined : place;
  } catch {
    return undefined;
  }
}

function isSealed(stream: string): boolean {
  return ["meta.inf", "meta.sum"].every((file) => {
    try {
      return statSync(join(stream, file)).size > 0;
    } catch {
      return false;
    }
  });
}

function hasMessages(stream: string): boolean {
  try {
    return readdirSync(join(stream, "msgs")).some((file) => file.endsWith(".blk"));
  } catch {
    return false;
  }
}
