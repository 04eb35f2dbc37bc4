import { join } from "node:path";
import type { Environment } from "../shared/base/config/load.ts";
import { homeFolder } from "../shared/base/home-folder.ts";

export { dataFolder } from "../shared/base/data-folder.ts";

/** Folder for the compiled code of our processes, which saves about 100 ms at each start. Undefined if the user has no folder for caches. */
export function compileCacheFolder(env: Environment): string | undefined {
  const home = homeFolder(env);
  const cache = env["XDG_CACHE_HOME"] || (home === undefined ? undefined : join(home, ".cache"));
  return cache === undefined ? undefined : join(cache, "runner-relay", "compile");
}
