import { join, resolve } from "node:path";
import type { Environment } from "./config/load.ts";
import { codedError } from "./errors.ts";
import { homeFolder } from "./home-folder.ts";

/**
 * The default data folder, where the log survives reboots and the cleaning of caches. Throws `config_invalid` if the user has no home folder, so
 * that the setting is required.
 */
export function dataFolder(given: string | undefined, env: Environment): string {
  if (given !== undefined) return resolve(given);
  const home = homeFolder(env);
  const state = env["XDG_STATE_HOME"] || (home === undefined ? undefined : join(home, ".local", "state"));
  if (state === undefined)
    throw codedError(
      "config_invalid",
      "set RUNNER_RELAY_DATA (--data) to the data folder, because this user has no home folder",
    );
  return join(state, "runner-relay");
}
