// The hook events of Claude Code (2.1.332), of which three are not for us.

/** Those that every version knows which has hooks of the type `http` (2.1.63). A version skips its whole file of settings if it does not know one of the events in it. */
export const BASIC_EVENTS = [
  "SessionStart",
  "Setup",
  "UserPromptSubmit",
  "PreToolUse",
  "PermissionRequest",
  "PostToolUse",
  "PostToolUseFailure",
  "PreCompact",
  "SubagentStart",
  "SubagentStop",
  "TaskCompleted",
  "TeammateIdle",
  "ConfigChange",
  "Notification",
  "Stop",
  "SessionEnd",
] as const;

/** Those that came later. They are used if the program that is there knows them. */
export const NEWER_EVENTS = [
  "UserPromptExpansion",
  "PreSkillShellCommand",
  "PermissionDenied",
  "PostToolBatch",
  "PostCompact",
  "PreModelSwitch",
  "PostModelSwitch",
  "StopFailure",
  "TaskCreated",
  "Elicitation",
  "ElicitationResult",
  "InstructionsLoaded",
  "CwdChanged",
  "FileChanged",
  "DirectoryAdded",
] as const;

/**
 * Those at which a hook of ours would change what the agent does: it makes a worktree by itself only if nobody has a hook for that, and the same goes for removing one;
 * and it shows a text line by line, behind each answer, if somebody has a hook for that.
 */
export const REFUSED_EVENTS = ["WorktreeCreate", "WorktreeRemove", "MessageDisplay"] as const;

/** At these, Claude Code skips hooks of the type `http`, without a word. */
export const NO_HTTP_EVENTS: ReadonlySet<string> = new Set(["SessionStart", "Setup"]);
