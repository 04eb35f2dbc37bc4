import { isatty } from "node:tty";

/**
 * Calls `heard` at every signal that asks this process to stop: SIGTERM, SIGINT, and SIGHUP where one of its standard streams was a
 * terminal when it started, because then the terminal has been closed. Without one there is nothing that a SIGHUP could tell: it is
 * ignored, as `nohup` and redirections ask for. (Node forgets that `nohup` had it ignored, and would end.)
 */
export function onStopSignal(heard: (signal: "SIGTERM" | "SIGINT" | "SIGHUP") => void): void {
  process.on("SIGTERM", () => heard("SIGTERM"));
  process.on("SIGINT", () => heard("SIGINT"));
  const inTerminal = [0, 1, 2].some((fd) => isatty(fd));
  process.on("SIGHUP", () => {
    if (inTerminal) heard("SIGHUP");
  });
}
