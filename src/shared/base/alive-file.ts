import { rmSync, utimesSync, writeFileSync } from "node:fs";
import type { Clock } from "./clock.ts";
import { codedError, errorText } from "./errors.ts";

/** A supervisor that calls a file of more than a minute old misses five signs before it acts. */
const EVERY_MS = 10_000;

/** Shows others that the event loop of this process turns. */
export type AliveFile = {
  /** Writes the file now, and again every 10 s. */
  start(): void;
  /** Stops, and removes it. */
  stop(): void;
  [Symbol.dispose](): void;
};

/**
 * A process without a port cannot be asked: where one is named, a file takes its place. The one of an earlier run is removed, so that it is there when the
 * process is ready. Throws `config_invalid` if the file cannot be written.
 */
export function createAliveFile(file: string | undefined, clock: Clock): AliveFile {
  let cancel = (): void => undefined;
  if (file !== undefined) tryToWrite(file);
  function stop(): void {
    cancel();
    if (file !== undefined) rmSync(file, { force: true });
  }
  function show(path: string): void {
    cancel = clock.after(EVERY_MS, () => show(path));
    try {
      writeFileSync(path, "");
      const now = clock.wall() / 1000;
      utimesSync(path, now, now); // an empty file that is written again keeps its time
    } catch {
      return; // a full disk: the supervisor sees it, and the next time may succeed
    }
  }
  return {
    start() {
      if (file !== undefined) show(file);
    },
    stop,
    [Symbol.dispose]: stop,
  };
}

function tryToWrite(file: string): void {
  try {
    writeFileSync(file, "");
    rmSync(file);
  } catch (cause) {
    const text = `RUNNER_RELAY_ALIVE_FILE: ${file} cannot be written: ${errorText(cause)}`;
    throw codedError("config_invalid", text, { cause });
  }
}
