import type { Setting } from "../base/config/setting.ts";

/** The folders that agents work in: the worker makes workspaces below them, and the sessions server accepts no others. */
export const WORKSPACE_SETTINGS = {
  workspaceRoot: {
    env: "RUNNER_RELAY_WORKSPACE_ROOT",
    flag: "workspace-root",
    kind: { type: "paths" },
    help: "folders that hold the workspaces of sessions, repeated as a flag, separated by colons in the variable; a session that names none gets one below the first (default: `workspaces` in the data folder)",
  },
  workspaceShared: {
    env: "RUNNER_RELAY_WORKSPACE_SHARED",
    flag: "workspace-shared",
    kind: { type: "flag" },
    fallback: false,
    help: "the workspace roots are on a file system that the workers of other machines have too, so that their sessions may continue here once they were silent for a minute",
  },
} as const satisfies Record<string, Setting>;
