/** Who calls, as agents of the orchestrator say it: by headers of their requests, or by settings where there are no requests. */
export type Caller = {
  /** The session that becomes the parent of what is started or resumed. */
  sessionId: string | undefined;
  /** An agent must have all of them to be listed. A comma list. */
  tags: string | undefined;
  /** What a runner must be like: `hostname`, `project_dir`, `executor_profile`, `executor_type`, `tags`. Passed on whole. */
  demands: Readonly<Record<string, unknown>>;
};

export const CALLER_HEADERS = {
  sessionId: "x-agent-session-id",
  tags: "x-agent-tags",
  demands: "x-additional-demands",
} as const;

/** Reads a caller from three texts. Demands that are no JSON object count as none, as at the original; `ignored` says so. Pure. */
export function callerOf(texts: { [K in keyof Caller]: string | null | undefined }): {
  caller: Caller;
  ignored: boolean;
} {
  const demands = objectIn(texts.demands ?? "");
  return {
    caller: {
      sessionId: texts.sessionId?.trim() || undefined,
      tags: texts.tags?.trim() || undefined,
      demands: demands ?? {},
    },
    ignored: demands === undefined && (texts.demands ?? "") !== "",
  };
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
