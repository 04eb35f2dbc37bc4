import { join } from "node:path";
import type { Environment } from "../../shared/base/config/load.ts";
import { codedError } from "../../shared/base/errors.ts";
import { homeFolder } from "../../shared/base/home-folder.ts";
import { shellWord } from "../../shared/base/own-command.ts";

/** What is put into an agent's settings for one event: its own form of a hook. */
export type Hook = Readonly<Record<string, unknown>>;

/** An agent that has hooks. */
export type HookedAgent = {
  /** Its file of settings, if none is named. */
  file: (env: Environment) => string;
  events: readonly string[];
  /** The hook. `keyHeaders`: a file of ours with the headers of a request. */
  hook: (of: { url: string; key: string; keyHeaders: string }) => Hook;
  /** Did we put this hook there? */
  isOurs: (hook: Hook) => boolean;
};

/** Seconds after which an agent stops waiting for us; the answer comes within milliseconds. */
const MOST_SECONDS = 2;

/** What happens around tools, prompts and ends: everything that both agents have. */
const COMMON_EVENTS = [
  "SessionStart",
  "UserPromptSubmit",
  "PreToolUse",
  "PermissionRequest",
  "PostToolUse",
  "PreCompact",
  "PostCompact",
  "SubagentStart",
  "SubagentStop",
  "Stop",
] as const;

export const HOOKED_AGENTS: Readonly<Record<string, HookedAgent>> = {
  "claude-code": {
    file: (env) => join(env["CLAUDE_CONFIG_DIR"] || join(homeOf(env), ".claude"), "settings.json"),
    events: [...COMMON_EVENTS, "PostToolUseFailure", "Notification", "SessionEnd"],
    hook: ({ url, key }) => ({
      type: "http",
      url: `${url}/hooks/claude-code`,
      headers: { Authorization: `Bearer ${key}` },
      timeout: MOST_SECONDS,
    }),
    isOurs: ({ url }) =>
      typeof url === "string" && URL.parse(url)?.pathname.endsWith("/hooks/claude-code") === true,
  },
  codex: {
    file: (env) => join(env["CODEX_HOME"] || join(homeOf(env), ".codex"), "hooks.json"),
    events: COMMON_EVENTS,
    // it runs commands only; curl starts in milliseconds, and the key is in no command line
    hook: ({ url, keyHeaders }) => ({
      type: "command",
      command: `curl -s -m ${MOST_SECONDS} -o /dev/null -H ${shellWord(`@${keyHeaders}`)} --data-binary @- ${shellWord(`${url}/hooks/codex`)} || true`,
      timeout: MOST_SECONDS + 1,
    }),
    isOurs: ({ command }) => typeof command === "string" && /^curl .*\/hooks\/codex\b/.test(command),
  },
};

function homeOf(env: Environment): string {
  const home = homeFolder(env);
  if (home !== undefined) return home;
  throw codedError("nothing_found", "this user has no home folder; name the agent's file with --file");
}
