import { expect, test } from "vitest";
import {
  claudeEnvironment,
  optionsOf,
  permissionMode,
  type ClaudeConfig,
} from "../../../../src/agents/claude-subprocess/options.ts";
import type { ApprovalChoice } from "../../../../src/agents/port.ts";

const CONFIG: ClaudeConfig = {
  model: undefined,
  apiKey: undefined,
  baseUrl: undefined,
  folder: "/data/agents",
  executable: undefined,
  root: false,
};
const TURN = {
  workspace: "/w",
  options: {},
  request: {},
  choice: 0 as const,
  rules: false,
  resume: undefined,
};

test.each<[ApprovalChoice, boolean, boolean, string]>([
  [0, false, false, "default"],
  [1, false, false, "acceptEdits"],
  [2, false, false, "bypassPermissions"],
  [2, true, false, "default"],
  [2, false, true, "default"],
  [1, true, true, "acceptEdits"],
])("approval %s, root %s, rules %s: %s", (choice, root, rules, mode) => {
  expect(permissionMode(choice, { root, rules })).toBe(mode);
});

test("with a key the CLI has its own configuration; without one it is the user's, with the user's login", () => {
  expect(claudeEnvironment({ ...CONFIG, apiKey: "k", baseUrl: "http://x/" })).toEqual({
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    CLAUDE_CODE_MAX_RETRIES: "4",
    ANTHROPIC_BASE_URL: "http://x/",
    ANTHROPIC_API_KEY: "k",
    CLAUDE_CONFIG_DIR: "/data/agents/claude",
  });
  expect(Object.keys(claudeEnvironment(CONFIG)).sort()).toEqual([
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    "CLAUDE_CODE_MAX_RETRIES",
  ]);
});

test("a turn names its conversation or begins one, and never continues whatever was last in the folder", () => {
  const first = optionsOf(CONFIG, TURN);
  expect(first).toMatchObject({ cwd: "/w", settingSources: [], permissionMode: "default" });
  for (const name of ["resume", "continue", "model", "maxTurns", "allowDangerouslySkipPermissions"])
    expect(first).not.toHaveProperty(name);
  expect(optionsOf(CONFIG, { ...TURN, resume: "th" }).resume).toBe("th");
});

test("a session's options count more than the settings; what has another form is left out", () => {
  const options = {
    model: "b",
    system_prompt: "be brief",
    output_schema: { type: "object" },
    mcp_servers: { x: { type: "http", url: "http://x/" } },
  };
  const given = optionsOf(
    { ...CONFIG, model: "a", executable: "/bin/claude" },
    { ...TURN, options, choice: 2, request: { max_iterations: 3 } },
  );
  expect(given).toMatchObject({
    model: "b",
    systemPrompt: "be brief",
    outputFormat: { type: "json_schema", schema: { type: "object" } },
    mcpServers: { x: { url: "http://x/" } },
    maxTurns: 3,
    pathToClaudeCodeExecutable: "/bin/claude",
    permissionMode: "bypassPermissions",
    allowDangerouslySkipPermissions: true,
  });
  const odd = optionsOf(CONFIG, {
    ...TURN,
    options: { model: 7, system_prompt: null, output_schema: [], mcp_servers: "x" },
  });
  expect(odd.systemPrompt).toEqual({ type: "preset", preset: "claude_code" });
  for (const name of ["model", "outputFormat", "mcpServers"]) expect(odd).not.toHaveProperty(name);
});
