import { realpathSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../../shared/base/find-program.ts";
import type { Environment } from "../../shared/base/config/load.ts";
import { codedError } from "../../shared/base/errors.ts";
import { homeFolder } from "../../shared/base/home-folder.ts";
import { shellWord } from "../../shared/base/own-command.ts";
import { isLoopback } from "../../shared/http/guard.ts";
import { BASIC_EVENTS, NEWER_EVENTS, NO_HTTP_EVENTS } from "./claude-events.ts";
import { eventsOfProgram } from "./program-events.ts";

/** What is put into an agent's settings for one event: its own form of a hook. */
export type Hook = Readonly<Record<string, unknown>>;

/** Where a hook reports. `keyHeaders`: a file of ours with the headers of a request. */
export type Target = { url: string; key: string; keyHeaders: string };

/** An agent that has hooks. */
export type HookedAgent = {
  /** Its file of settings, if none is named. */
  file: (env: Environment) => string;
  /** Events at which hooks of ours belong. An agent that does not know one of them may refuse its whole file. */
  events: (env: Environment) => readonly string[];
  hook: (of: Target, event: string) => Hook;
  /** Did we put this hook there? */
  isOurs: (hook: Hook) => boolean;
};

/** Seconds after which an agent stops waiting for us; the answer comes within milliseconds. */
const MOST_SECONDS = 2;

/** All that Codex has. */
const CODEX_EVENTS = [
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
    events: claudeEvents,
    hook: (of, event) =>
      NO_HTTP_EVENTS.has(event)
        ? curlHook("claude-code", of)
        : {
            type: "http",
            url: `${of.url}/hooks/claude-code`,
            headers: { Authorization: `Bearer ${of.key}` },
            timeout: MOST_SECONDS,
          },
    isOurs: (hook) =>
      isCurlHook("claude-code", hook) ||
      (typeof hook["url"] === "string" &&
        URL.parse(hook["url"])?.pathname.endsWith("/hooks/claude-code") === true),
  },
  codex: {
    file: (env) => join(env["CODEX_HOME"] || join(homeOf(env), ".codex"), "hooks.json"),
    events: () => CODEX_EVENTS,
    hook: (of) => curlHook("codex", of),
    isOurs: (hook) => isCurlHook("codex", hook),
  },
};

/** What the command `claude` of this user knows; where there is none, what every version with hooks of the type `http` knows. */
function claudeEvents(env: Environment): readonly string[] {
  const program = findProgram("claude", env["PATH"]);
  const known = program === undefined ? undefined : eventsOfProgram(realpathSync(program));
  return [...BASIC_EVENTS, ...NEWER_EVENTS.filter((event) => known?.has(event) === true)];
}

/** A command that starts within milliseconds. The key is in no command line, and what the user set up for curl does not count. */
function curlHook(agent: string, { url, keyHeaders }: Target): Hook {
  const host = new URL(url).hostname.replaceAll(/[[\]]/g, "");
  const direct = isLoopback(host) ? " --noproxy '*'" : "";
  const command = `curl -q -s${direct} -m ${MOST_SECONDS} -o /dev/null -H ${shellWord(`@${keyHeaders}`)} --data-binary @- ${shellWord(`${url}/hooks/${agent}`)} || true`;
  return { type: "command", command, timeout: MOST_SECONDS + 1 };
}

function isCurlHook(agent: string, { command }: Hook): boolean {
  return typeof command === "string" && new RegExp(`^curl .*/hooks/${agent}\\b`).test(command);
}

function homeOf(env: Environment): string {
  const home = homeFolder(env);
  if (home !== undefined) return home;
  throw codedError("nothing_found", "this user has no home folder; name the agent's file with --file");
}
