import type { Session } from "../../../shared/session-log/registry/entry.ts";

/** A session as this dialect shows it. */
export type Shown = {
  session_id: string;
  user_id: string;
  /** Empty where the worker chooses the folder, and has not told it. */
  workspace_dir: string;
  metadata: Record<string, unknown>;
};

/** Pure. */
export function shownSession({ id, user, record }: Session): Shown {
  const { workspace_dir: folder, metadata } = record;
  return {
    session_id: id,
    user_id: user,
    workspace_dir: typeof folder === "string" ? folder : "",
    metadata: typeof metadata === "object" && metadata !== null ? { ...metadata } : {},
  };
}
