import type { Setting } from "../base/config/setting.ts";

const MIB = 1024 * 1024;
const SECOND = 1000;
const DAY = 24 * 60 * 60 * SECOND;

/** How much a session may keep: the chore of `up` removes what is more, and a worker ends a turn that leaves nothing to remove. */
export const SESSION_LIMITS = {
  sessionsRetention: {
    env: "RUNNER_RELAY_SESSIONS_RETENTION",
    kind: { type: "duration", minMs: SECOND, maxMs: 3650 * DAY },
    fallback: 30 * DAY,
    help: "how long the events of a session are kept; its last turn, and what was asked and decided, stay as long as the session",
  },
  sessionsRetentionBytes: {
    env: "RUNNER_RELAY_SESSIONS_RETENTION_BYTES",
    kind: { type: "bytes", min: 1 * MIB, max: 1024 ** 4 },
    fallback: 64 * MIB,
    help: "events of one session that are kept, oldest first to go",
  },
} as const satisfies Record<string, Setting>;
