import { codedError } from "../shared/base/errors.ts";
import type { Agent } from "./agent.ts";
import { agentOf } from "./conduct.ts";
import { echoRunner } from "./echo.ts";
import { httpRunner } from "./http.ts";
import { createRegistry, type Adapters } from "./registry.ts";

/** Every agent that there is; some need settings of their own. */
const NAMES = ["echo", "http"] as const;

/** What the settings say about agents. */
export type AgentSettings = { agent: string; agentHttpUrl: string | undefined };

/** The agents of a worker. */
export type Agents = {
  /** The one that a session names, or that of the settings. Undefined if this worker has no such agent. */
  of(name: string | undefined): Agent | undefined;
};

/** The agents that the settings allow. Throws `config_invalid` if the one that they name is not among them. */
export function agentsOf(settings: AgentSettings): Agents {
  const { agent, agentHttpUrl } = settings;
  const registry = createRegistry(adaptersOf(settings), agent);
  if (agent === "http" && agentHttpUrl === undefined)
    throw codedError("config_invalid", "the agent `http` needs RUNNER_RELAY_AGENT_HTTP_URL");
  if (!registry.has(agent))
    throw codedError(
      "config_invalid",
      `RUNNER_RELAY_AGENT: there is no agent \`${agent}\`; choose ${NAMES.join(" or ")}`,
    );
  return { of: (name = agent) => (registry.has(name) ? agentOf(registry.get(name)) : undefined) };
}

/** How each adapter is made that can be had. */
function adaptersOf({ agentHttpUrl }: AgentSettings): Adapters {
  return {
    echo: echoRunner,
    ...(agentHttpUrl === undefined ? {} : { http: () => httpRunner(agentHttpUrl) }),
  };
}
