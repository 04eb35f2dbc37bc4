import type { Environment } from "./config/load.ts";

const FLAG = "--socket-fd=";
/** The first descriptor that systemd hands over (sd_listen_fds(3)). */
const FIRST_FD = 3;

/** A listening socket that somebody else keeps open: its descriptor, or why there cannot be one. */
export type Handed = { kind: "none" } | { kind: "socket"; fd: number } | { kind: "wrong"; detail: string };

/** The argument by which `up` tells a child the descriptor of its socket. */
export function socketArgument(fd: number): string {
  return `${FLAG}${fd}`;
}

/**
 * The socket that this process was started with: by `up` (an argument), or by systemd (`LISTEN_FDS`, which counts only for the process that `LISTEN_PID` names: it is also in the
 * environment of every child). Pure.
 */
export function handedSocketIn(args: readonly string[], env: Environment, pid: number): Handed {
  const argument = args.find((arg) => arg.startsWith(FLAG))?.slice(FLAG.length);
  if (argument !== undefined)
    return /^\d{1,4}$/.test(argument)
      ? { kind: "socket", fd: Number(argument) }
      : { kind: "wrong", detail: `${FLAG}${argument} names no descriptor` };
  const { LISTEN_FDS: count, LISTEN_PID: owner } = env;
  if (count === undefined || owner !== String(pid)) return { kind: "none" };
  if (count === "1") return { kind: "socket", fd: FIRST_FD };
  return { kind: "wrong", detail: `LISTEN_FDS=${count}: a socket unit needs exactly one ListenStream=` };
}
