import { constants, fstatSync, openSync, readFileSync } from "node:fs";
import { isatty } from "node:tty";

/**
 * A descriptor for stdout (1) or stderr (2) whose writes never wait for a reader but fail with EAGAIN. Outputs without a reader, such as files, are
 * used as they are.
 *
 * A pipe or terminal is opened again if that is allowed, because `O_NONBLOCK` belongs to the open file, which shells and other programs share with us.
 * A socket (journald, or a parent that is a Node program) cannot be opened; there Node's own stream sets the flag. A terminal of another user (after
 * `su`) is opened as the controlling terminal.
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
  // The pipe has no reader (ENXIO) or belongs to another user (EACCES). Node makes pipes and sockets non-blocking when it creates their stream.
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

/** True if this is the terminal that `/dev/tty` opens. Without `/proc` that is assumed, because another one is very unlikely. */
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
