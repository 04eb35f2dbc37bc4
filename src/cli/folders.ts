import { join } from "node:path";
import type { Environment } from "../shared/config/load.ts";

export { dataFolder } from "../shared/data-folder.ts";

/** Compiled code of our processes: about 100 ms less at each start. */
export function compileCacheFolder(env: Environment, home: string): string {
  return join(env["XDG_CACHE_HOME"] || join(home, ".cache"), "runner-relay", "compile");
}
