import type { SdkOptions } from "./sdk.ts";

/** The name of the callback by which the CLI asks for the session's rules. */
const RULES = "hook_0";

type Given = Omit<SdkOptions, "canUseTool" | "spawnClaudeCodeProcess">;

/** Arguments of the CLI for a turn: what the SDK gives it. Questions come over its stdin and stdout. Pure. */
export function cliArguments(options: Given): string[] {
  const { maxTurns, model, outputFormat, resume, disallowedTools, mcpServers, permissionMode } = options;
  return [
    "-p",
    "--output-format",
    "stream-json",
    "--verbose",
    "--input-format",
    "stream-json",
    "--permission-prompt-tool=stdio",
    `--permission-mode=${permissionMode}`,
    `--setting-sources=${options.settingSources.join(",")}`,
    ...(options.includePartialMessages ? ["--include-partial-messages"] : []),
    ...(options.allowDangerouslySkipPermissions === true ? ["--allow-dangerously-skip-permissions"] : []),
    ...(disallowedTools.length === 0 ? [] : [`--disallowedTools=${disallowedTools.join(",")}`]),
    ...(maxTurns === undefined ? [] : [`--max-turns=${maxTurns}`]),
    ...(model === undefined ? [] : [`--model=${model}`]),
    ...(resume === undefined ? [] : [`--resume=${resume}`]),
    ...(outputFormat === undefined ? [] : [`--json-schema=${JSON.stringify(outputFormat.schema)}`]),
    ...(mcpServers === undefined ? [] : ["--mcp-config", JSON.stringify({ mcpServers })]),
  ];
}

/** How the CLI is introduced to what it may ask, and to what the session's maker wants. Pure. */
export function initializeOf({ hooks, systemPrompt, outputFormat }: Given): Record<string, unknown> {
  return {
    subtype: "initialize",
    ...(hooks.PreToolUse.length === 0 ? {} : { hooks: { PreToolUse: [{ hookCallbackIds: [RULES] }] } }),
    ...(typeof systemPrompt === "string" ? { systemPrompt: [systemPrompt] } : {}),
    ...(outputFormat === undefined ? {} : { jsonSchema: outputFormat.schema }),
  };
}
