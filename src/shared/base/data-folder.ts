import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Environment } from "./config/load.ts";
import { codedError } from "./errors.ts";
import { homeFolder } from "./home-folder.ts";

/**
 * Is this what an agent made in the place of a folder that was removed or moved away while the agent ran? Programs of others make the folders above theirs, too. A worker
 * makes `pids` before it starts an agent.
 */
export function isRemnant(dataDir: string): boolean {
  const [only, ...others] = namesIn(dataDir);
  return only === "agents" && others.length === 0 && !existsSync(join(dataDir, only, "pids"));
}

/** Refuses it: what is missing there would look like a first start, and it would be in the way of the folder that is put back. Throws `data_unusable`. */
export function refuseRemnant(dataDir: string): void {
  if (!isRemnant(dataDir)) return;
  throw codedError(
    "data_unusable",
    `${dataDir} holds nothing but what an agent wrote after the folder was removed or moved away; remove what is there, put the folder back, and start again`,
  );
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // there is none yet; what else is wrong with it is found by those who use it
  }
}

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
