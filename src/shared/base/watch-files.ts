import { statSync, type BigIntStats } from "node:fs";
import { stat } from "node:fs/promises";
import type { Clock } from "./clock.ts";

/**
 * Calls `changed` after one of the files was changed, replaced, removed or made. It looks at them every `everyMs`, because notifications do not work on
 * all file systems, and a file that is mounted into a container is replaced behind a link. It waits until a file looks the same twice, so that one
 * that is being written is read when it is complete: at most three looks. Everything after the call is a change, so that a caller that reads the files
 * afterwards misses none. Returns what stops it.
 */
export function watchFiles(
  files: readonly string[],
  deps: { clock: Clock; everyMs: number; changed: () => void },
): () => void {
  const { clock, everyMs, changed } = deps;
  let known = files.map(firstLook).join("\n"); // as it was when `changed` was called last
  let seen = known;
  let cancel = (): void => undefined;
  let stopped = false;

  async function look(): Promise<void> {
    const now = (await Promise.all(files.map(lookOf))).join("\n");
    if (stopped) return;
    if (now === seen && now !== known) {
      known = now;
      changed();
    }
    seen = now;
    wait();
  }

  function wait(): void {
    cancel = clock.after(everyMs, () => void look());
  }

  wait();
  return () => {
    stopped = true;
    cancel();
  };
}

function firstLook(file: string): string {
  return nameOf(statSync(file, { bigint: true, throwIfNoEntry: false }));
}

async function lookOf(file: string): Promise<string> {
  return nameOf(await stat(file, { bigint: true }).catch(() => undefined));
}

/** A text that differs after a change. */
function nameOf(found: BigIntStats | undefined): string {
  return found === undefined ? "missing" : [found.ino, found.size, found.mtimeNs, found.ctimeNs].join(" ");
}
