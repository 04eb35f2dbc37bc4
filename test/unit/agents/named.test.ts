import { expect, test } from "vitest";
import { createFakeClock } from "../../support/fake-clock.ts";
import { agentsOf, type AgentHome } from "../../../src/agents/named.ts";

const HOME: AgentHome = { env: {}, folder: "/nowhere", root: false, clock: createFakeClock() };

test("the agent of the settings runs sessions that name none", () => {
  const agents = agentsOf({ agent: "echo", agentHttpUrl: "http://127.0.0.1:1/" }, HOME);
  expect(agents.of(undefined)).toBeDefined();
  expect(agents.of("echo")).toBeDefined();
  expect(agents.of("http")).toBeDefined();
  expect(agents.of("claude")).toBeUndefined();
  expect(agents.of("codex")).toBeUndefined();
  const others = { codexCommand: "codex", sidecarUrl: "http://127.0.0.1:1/", acpCommand: "x --acp" };
  for (const name of ["codex", "codex_sdk_sidecar", "acp"])
    expect(agentsOf({ agent: "echo", ...others }, HOME).of(name), name).toBeDefined();
  expect(agentsOf({ agent: "echo", agentHttpUrl: undefined }, HOME).of("http")).toBeUndefined();
});

test.each([
  [
    "claude",
    "there is no agent `claude`; choose echo or http or claude_subprocess or claude_api or codex or codex_sdk_sidecar or acp or auto",
  ],
  [
    "toString",
    "there is no agent `toString`; choose echo or http or claude_subprocess or claude_api or codex or codex_sdk_sidecar or acp or auto",
  ],
  ["acp", "the agent `acp` needs RUNNER_RELAY_ACP_COMMAND"],
  ["http", "the agent `http` needs RUNNER_RELAY_AGENT_HTTP_URL"],
])("an agent %s that cannot be had is an error that says what there is", (agent, text) => {
  expect(() => agentsOf({ agent, agentHttpUrl: undefined }, HOME)).toThrow(text);
});
