import { hostname, userInfo } from "node:os";

/** Who acts, for people who see what was done: `alice@host`. A user without a name, as in some containers, is shown by number. */
export function operatorName(): string {
  return `${userName()}@${hostname()}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}
