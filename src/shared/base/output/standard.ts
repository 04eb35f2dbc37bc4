import { writeSync } from "node:fs";
import { systemClock } from "../clock.ts";
import { createLines, type Lines } from "./lines.ts";
import { unblocked } from "./unblocked.ts";

// lines.ts keeps, drops and counts · unblocked.ts finds a descriptor that does not wait

/** Level of the notice, as pino numbers it: a warning. */
const WARN = 40;

/** stdout or stderr of a service: it never waits, never throws, and is written out when the process exits. One of each per process. */
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

/** The log line that tells of dropped ones. */
function noticeLine(name: string, dropped: number, reason: string): string {
  const time = new Date(systemClock.wall()).toISOString();
  return `${JSON.stringify({ level: WARN, time, name, pid: process.pid, dropped, reason, msg: "log lines were dropped" })}\n`;
}
