import { format } from "node:util";
import type { Logger } from "../logger.ts";

/**
 * Takes over what Node and libraries would write to stdout and stderr themselves: warnings, console output, and the error that ends the process.
 * Their own writes could wait for ever for a reader, or end the process when the pipe breaks. `fail` reports the final error and ends the process.
 */
export function speakForOthers(log: Logger, fail: (error: unknown) => void): void {
  process.on("uncaughtException", fail);
  const say = (...words: unknown[]): void =>
    log.warn({ words: format(...words) }, "a library wrote to the console");
  Object.assign(console, { log: say, info: say, warn: say, error: say, debug: say, trace: say });
  if (process.listenerCount("warning") === 0) return; // Node was started with --no-warnings
  process.removeAllListeners("warning");
  process.on("warning", ({ name, message }) =>
    log.warn({ kind: name, warning: message }, "Node.js issued a warning"),
  );
}
