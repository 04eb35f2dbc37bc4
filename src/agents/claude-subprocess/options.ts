import { homedir } from "node:os";
import { join } from "node:path";
import type { ApprovalChoice } from "../port.ts";
import type { SdkOptions } from "./sdk.ts";

/** What the settings say about Claude. */
export type ClaudeConfig = {
  model: string | undefined;
  /** Without one the user's own login of the CLI is used. */
  apiKey: string | undefined;
  baseUrl: string | undefined;
  /** Folder for what its agents keep, used with a key. Without one it is the user's own. */
  folder: string | undefined;
  /** Which settings of the user and of the project the CLI reads: none, if nothing else is said. */
  settingSources?: readonly string[];
  /** The user's own CLI. Without one the SDK has its own. */
  executable: string | undefined;
  /** The worker runs as the system's administrator. */
  root: boolean;
};

/** How often the CLI tries a request to the model again: 0.5 + 1 + 2 + 4 s, or what `Retry-After` says each time. Its default is 10, which hides an outage for minutes. */
const API_RETRIES = 4;

/** Tools that wait for somebody at a terminal, or do something after their turn: the child lives for one turn. */
const DISALLOWED = ["AskUserQuestion", "CronCreate", "ScheduleWakeup", "EnterPlanMode", "EnterWorktree"];

/** How the CLI calls an approval. It does not bypass as the administrator, and must ask where the session has rules; then the answers are given for it. Pure. */
export function permissionMode(choice: ApprovalChoice, must: { root: boolean; rules: boolean }): string {
  if (choice === 2) return must.root || must.rules ? "default" : "bypassPermissions";
  return choice === 1 ? "acceptEdits" : "default";
}

/** Variables of the CLI: quiet, with bounded retries; with a key it has a configuration folder of its own. Pure. */
export function claudeEnvironment({ apiKey, baseUrl, folder }: ClaudeConfig): Record<string, string> {
  return {
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    CLAUDE_CODE_MAX_RETRIES: String(API_RETRIES),
    ...(baseUrl === undefined ? {} : { ANTHROPIC_BASE_URL: baseUrl }),
    ...(apiKey === undefined ? {} : { ANTHROPIC_API_KEY: apiKey }),
    ...(apiKey === undefined || folder === undefined ? {} : { CLAUDE_CONFIG_DIR: join(folder, "claude") }),
  };
}

/** Where the CLI keeps its transcripts. Pure but for the home folder. */
export function transcriptFolder(config: ClaudeConfig): string {
  return claudeEnvironment(config)["CLAUDE_CONFIG_DIR"] ?? join(homedir(), ".claude");
}

export type ClaudeTurn = {
  workspace: string | undefined;
  options: Readonly<Record<string, unknown>>;
  request: Readonly<Record<string, unknown>>;
  choice: ApprovalChoice;
  /** The session has rules for tools. */
  rules: boolean;
  resume: string | undefined;
};

/** The SDK's options of a turn, without what is called. Pure. */
export function optionsOf(
  config: ClaudeConfig,
  turn: ClaudeTurn,
): Omit<SdkOptions, "canUseTool" | "hooks" | "spawnClaudeCodeProcess"> {
  const {
    model = config.model,
    system_prompt: system,
    output_schema: schema,
    mcp_servers: mcp,
  } = turn.options;
  const { max_iterations: most } = turn.request;
  const mode = permissionMode(turn.choice, { root: config.root, rules: turn.rules });
  return {
    env: claudeEnvironment(config),
    settingSources: config.settingSources ?? [],
    includePartialMessages: true,
    disallowedTools: DISALLOWED,
    permissionMode: mode,
    systemPrompt: typeof system === "string" ? system : { type: "preset", preset: "claude_code" },
    ...(mode === "bypassPermissions" ? { allowDangerouslySkipPermissions: true } : {}),
    ...(turn.workspace === undefined ? {} : { cwd: turn.workspace }),
    ...(typeof model === "string" ? { model } : {}),
    ...(turn.resume === undefined ? {} : { resume: turn.resume }),
    ...(typeof most === "number" ? { maxTurns: most } : {}),
    ...(isObject(schema) ? { outputFormat: { type: "json_schema" as const, schema } } : {}),
    ...(isObject(mcp) ? { mcpServers: mcp } : {}),
    ...(config.executable === undefined ? {} : { pathToClaudeCodeExecutable: config.executable }),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
