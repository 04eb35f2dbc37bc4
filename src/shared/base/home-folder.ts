import { homedir } from "node:os";
import type { Environment } from "./config/load.ts";

/** The home folder of this user. Undefined if there is no `HOME` and no entry in passwd, because containers may run under any user id. */
export function homeFolder(env: Environment, ofSystem: () => string = homedir): string | undefined {
  const { HOME } = env;
  if (HOME) return HOME;
  try {
    return ofSystem() || undefined;
  } catch {
    return undefined; // ENOENT of uv_os_homedir
  }
}
