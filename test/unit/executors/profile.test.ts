import { expect, test } from "vitest";
import { readProfile } from "../../../src/executors/profile.ts";

test("without a word the agent may do everything, and Claude Code reads all settings", () => {
  expect(readProfile({ other: 1 })).toEqual({
    agent: undefined,
    model: undefined,
    choice: 2,
    settingSources: ["user", "project", "local"],
    env: {},
  });
});

test("all of it is read", () => {
  const config = {
    agent: "acp",
    model: "opus",
    permission_mode: "acceptEdits",
    setting_sources: [],
    env: { RUNNER_RELAY_ACP_COMMAND: "my-agent" },
  };
  expect(readProfile(config)).toEqual({
    agent: "acp",
    model: "opus",
    choice: 1,
    settingSources: [],
    env: { RUNNER_RELAY_ACP_COMMAND: "my-agent" },
  });
});

test.each([
  ["default", 0],
  ["dontAsk", 0],
  ["acceptEdits", 1],
  ["bypassPermissions", 2],
])("the permission mode %s is the choice %i", (mode, choice) => {
  expect(readProfile({ permission_mode: mode }).choice).toBe(choice);
});

test.each([
  [
    { permission_mode: "plan" },
    "executor_config.permission_mode must be default, acceptEdits or bypassPermissions",
  ],
  [
    { permission_mode: null },
    "executor_config.permission_mode must be default, acceptEdits or bypassPermissions",
  ],
  [{ agent: 1 }, "executor_config.agent must be a text"],
  [{ model: [] }, "executor_config.model must be a text"],
  [{ setting_sources: "user" }, "executor_config.setting_sources must be a list of texts"],
  [{ env: { A: 1 } }, "executor_config.env must be an object of texts"],
  [{ env: ["A"] }, "executor_config.env must be an object of texts"],
])("%j is refused: a slip must not widen what an agent may do", (config, problem) => {
  expect(() => readProfile(config)).toThrow(problem);
});
