import { writeSync } from "node:fs";
import { systemClock } from "../clock.ts";
import { createLines, type Lines } from "./lines.ts";
import { unblocked } from "./unblocked.ts";

// lines.ts queues, drops and counts lines · unblocked.ts finds a non-blocking descriptor
// They are separate so that the queue is tested without files; only unblocked.ts knows how an operating system behaves.

/** The pino level of the notice: a warning. */
const WARN = 40;

/** stdout or stderr of a service. It never waits and never throws, and it is flushed when the process exits. There is one of each per process. */
export function standardLines(fd: 1 | 2, name: string): Lines {
  const target = unblocked(fd);
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const lines = createLines({
    put: (data) => (typeof data === "string" ? writeSync(target, data) : writeSync(target, data)),
    clock: systemClock,
    notice: (dropped, reason) => noticeLine(name, dropped, reason),
    pause: (ms) => void Atomics.wait(sleeper, 0, 0, ms),
  });
  process.on("exit", lines.flush);
  return lines;
}

/** The log line about dropped lines. */
function noticeLine(name: string, dropped: number, reason: string): string {
  const time = new Date(systemClock.wall()).toISOString();
  return `${JSON.stringify({ level: WARN, time, name, pid: process.pid, dropped, reason, msg: "log lines were dropped" })}\n`;
}
