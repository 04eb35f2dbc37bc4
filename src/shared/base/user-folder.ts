import { createHash } from "node:crypto";

/** Name of a user's folder below a root of workspaces: the same in every process, and valid whatever the user is called. Pure. */
export function userFolder(user: string): string {
  return createHash("sha256").update(user).digest("base64url").slice(0, 22);
}
