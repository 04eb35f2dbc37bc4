import { constants, fstatSync, openSync, readFileSync } from "node:fs";
import { isatty } from "node:tty";

/**
 * A descriptor for what stdout (1) or stderr (2) is, whose writes never wait for a reader: they fail with EAGAIN. What has no reader, such
 * as a file, is taken as it is.
 *
 * A pipe and a terminal are opened anew where that is allowed, because `O_NONBLOCK` belongs to the open file that shells and other
 * programs share with us. A socket (journald, a parent that is a Node program) cannot be opened; there Node's own stream sets the flag.
 * A terminal of another user's (after `su`) is reached as the controlling one.
 */
export function unblocked(fd: 1 | 2): number {
  const kind = kindOf(fd);
  if (kind === "file") return fd;
  if (kind !== "socket") {
    const own =
      open(`/proc/self/fd/${fd}`) ??
      (kind === "terminal" && isControlling(fd) ? open("/dev/tty") : undefined);
    if (own !== undefined) return own;
  }
  // A pipe without a reader (ENXIO) or of another user's (EACCES). Node makes pipes and sockets non-blocking when the stream is made.
  const stream = fd === 1 ? process.stdout : process.stderr;
  stream.on("error", () => undefined);
  return fd;
}

function kindOf(fd: number): "pipe" | "socket" | "terminal" | "file" {
  if (isatty(fd)) return "terminal";
  const stat = fstatSync(fd);
  if (stat.isFIFO()) return "pipe";
  return stat.isSocket() ? "socket" : "file";
}

/** Whether it is the terminal that `/dev/tty` opens. Where no `/proc` tells, there is hardly another one. */
function isControlling(fd: number): boolean {
  try {
    const afterName = readFileSync("/proc/self/stat", "latin1").split(") ").at(-1) ?? "";
    return Number(afterName.split(" ")[4]) === fstatSync(fd).rdev; // proc(5): tty_nr
  } catch {
    return true;
  }
}

function open(path: string): number | undefined {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return undefined;
  }
}
