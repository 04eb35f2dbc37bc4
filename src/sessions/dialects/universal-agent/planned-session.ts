import { basename } from "node:path";
import type { MakeRequest } from "./sessions.ts";

/** Ids of sessions in this dialect. */
export const SESSION_ID: RegExp = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

/**
 * The id and folder of a session that is to be made. Without an id it is called like its folder, and without a folder that is called like the session (a relative path is below the
 * user's own folder). Pure but for `newId`.
 */
export function plannedSession(
  { id, workspace }: Pick<MakeRequest, "id" | "workspace">,
  newId: () => string,
): { id: string; workspace: string } {
  if (id !== undefined) return { id, workspace: workspace ?? id };
  if (workspace === undefined) {
    const made = newId();
    return { id: made, workspace: made };
  }
  return { id: basename(workspace), workspace };
}

/** An id as the program makes them. `random`: at least 8 letters or digits. */
export function sessionIdAt(wall: number, random: string): string {
  const [date = "", time = ""] = new Date(wall).toISOString().split(/[T.]/);
  return `session_${date.replaceAll("-", "")}_${time.replaceAll(":", "")}_${random.slice(0, 16)}`;
}

/** An id of a turn as the program makes them. */
export function turnIdAt(wall: number, random: string): string {
  return `turn_${wall}_${random.slice(0, 16)}`;
}
