import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Environment } from "./config/load.ts";

/** Data folder when nobody names one: the log survives reboots and cleaners of caches. */
export function dataFolder(given: string | undefined, env: Environment): string {
  if (given !== undefined) return resolve(given);
  return join(env["XDG_STATE_HOME"] || join(homedir(), ".local", "state"), "runner-relay");
}
