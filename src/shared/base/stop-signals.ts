import { isatty } from "node:tty";
import type { Logger } from "./logger.ts";

/**
 * Calls `heard` at every signal that asks this process to stop: SIGTERM, SIGINT, and SIGHUP if one of its standard streams was a terminal at its start,
 * because then the terminal was closed. Otherwise SIGHUP is ignored, as `nohup` and redirections expect. (Node does not inherit that `nohup` ignores the
 * signal, and would end.)
 */
export function onStopSignal(heard: (signal: "SIGTERM" | "SIGINT" | "SIGHUP") => void): void {
  process.on("SIGTERM", () => heard("SIGTERM"));
  process.on("SIGINT", () => heard("SIGINT"));
  const inTerminal = [0, 1, 2].some((fd) => isatty(fd));
  process.on("SIGHUP", () => {
    if (inTerminal) heard("SIGHUP");
  });
}

/** Closes a process at the first signal that asks it to stop, and ends it: with 0, with what `fail` says, or at last by force. */
export function closeOnStopSignal(deps: {
  /** What the process is called in its log. */
  name: string;
  logger: Logger;
  close: () => Promise<void>;
  /** A stop that takes longer than this is ended by force, milliseconds. */
  lastResortMs: number;
  /** Ends the process with the error of `close`. */
  fail: (error: unknown) => void;
}): void {
  const { name, logger, close, lastResortMs, fail } = deps;
  let stopping = false;
  onStopSignal((signal) => {
    if (stopping) return;
    stopping = true;
    logger.info({ signal }, `${name} stopping`);
    setTimeout(() => {
      logger.error(`${name} did not stop in time`);
      process.exit(1);
    }, lastResortMs).unref();
    close().then(() => process.exit(0), fail);
  });
}
