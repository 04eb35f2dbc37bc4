import { join, resolve } from "node:path";
import type { Environment } from "./config/load.ts";
import { codedError } from "./errors.ts";
import { homeFolder } from "./home-folder.ts";

/**
 * Data folder when nobody names one: the log survives reboots and cleaners of caches. Throws `config_invalid` if a user without a home
 * folder names none.
 */
export function dataFolder(given: string | undefined, env: Environment): string {
  if (given !== undefined) return resolve(given);
  const home = homeFolder(env);
  const state = env["XDG_STATE_HOME"] || (home === undefined ? undefined : join(home, ".local", "state"));
  if (state === undefined)
    throw codedError(
      "config_invalid",
      "RUNNER_RELAY_DATA (--data) must name the data folder: this user has no home folder",
    );
  return join(state, "runner-relay");
}
