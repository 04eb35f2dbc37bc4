import { format } from "node:util";
import type { Logger } from "../logger.ts";

/**
 * Takes over what Node and libraries would write to stdout and stderr by themselves, where they wait for a reader for ever or end the
 * process with its pipe: warnings, words on the console, and the error that ends the process. `fail` says the latter and ends it.
 */
export function speakForOthers(log: Logger, fail: (error: unknown) => void): void {
  process.on("uncaughtException", fail);
  const say = (...words: unknown[]): void =>
    log.warn({ words: format(...words) }, "a library wrote to the console");
  Object.assign(console, { log: say, info: say, warn: say, error: say, debug: say, trace: say });
  if (process.listenerCount("warning") === 0) return; // --no-warnings
  process.removeAllListeners("warning");
  process.on("warning", ({ name, message }) =>
    log.warn({ kind: name, warning: message }, "Node.js gave a warning"),
  );
}
