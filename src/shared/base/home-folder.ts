import { homedir } from "node:os";
import type { Environment } from "./config/load.ts";

/** Home folder of this user; undefined for one that has none: no `HOME`, and no entry in passwd (containers run under any number). */
export function homeFolder(env: Environment, ofSystem: () => string = homedir): string | undefined {
  const { HOME } = env;
  if (HOME) return HOME;
  try {
    return ofSystem() || undefined;
  } catch {
    return undefined; // ENOENT of uv_os_homedir
  }
}
