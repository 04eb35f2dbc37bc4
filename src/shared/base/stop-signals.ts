import { isatty } from "node:tty";

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
