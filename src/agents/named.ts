import { codedError } from "../shared/base/errors.ts";
import type { Agent } from "./agent.ts";
import { echoAgent } from "./echo.ts";
import { httpAgent } from "./http.ts";

/** What the settings say about agents. */
export type AgentSettings = { agent: string; agentHttpUrl: string | undefined };

/** The agents of a worker. */
export type Agents = {
  /** The one that a session names, or that of the settings. Undefined if this worker has no such agent. */
  of(name: string | undefined): Agent | undefined;
};

/** Makes every agent that the settings allow. Throws `config_invalid` if the one that they name is not among them. */
export function agentsOf({ agent, agentHttpUrl }: AgentSettings): Agents {
  const agents = new Map<string, Agent>([["echo", echoAgent]]);
  if (agentHttpUrl !== undefined) agents.set("http", httpAgent(agentHttpUrl));
  if (agent === "http" && agentHttpUrl === undefined)
    throw codedError("config_invalid", "the agent `http` needs RUNNER_RELAY_AGENT_HTTP_URL");
  if (!agents.has(agent))
    throw codedError(
      "config_invalid",
      `RUNNER_RELAY_AGENT: there is no agent \`${agent}\`; choose echo or http`,
    );
  return { of: (name = agent) => agents.get(name) };
}
