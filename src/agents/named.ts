import type { Clock } from "../shared/base/clock.ts";
import { codedError } from "../shared/base/errors.ts";
import type { Agent } from "./agent.ts";
import { chosenBy } from "./choose.ts";
import { claudeApi } from "./claude-api/index.ts";
import { claudeSubprocess, CLAUDE_SDK, type ClaudeConfig } from "./claude-subprocess/index.ts";
import { agentOf } from "./conduct.ts";
import { echoRunner } from "./echo.ts";
import { findProgram } from "../shared/base/find-program.ts";
import { httpRunner } from "./http.ts";
import { hasPackage } from "./optional-package.ts";
import { otherAdapters, type OtherSettings } from "./others.ts";
import type { Runner } from "./port.ts";
import { createRegistry, type Adapters, type Registry } from "./registry.ts";

/** What the settings say about agents. */
export type AgentSettings = Partial<OtherSettings> & {
  agent: string;
  agentHttpUrl?: string | undefined;
  claudeModel?: string | undefined;
};

/** What agents are made with. */
export type AgentHome = {
  env: Readonly<Record<string, string | undefined>>;
  /** For what agents keep that belongs to no session's folder. Without one they use their user's own. */
  folder: string | undefined;
  /** Which settings of its user and project Claude Code reads: none by default. */
  claudeSettings?: readonly string[];
  /** This process runs as the system's administrator. */
  root: boolean;
  clock: Clock;
};

/** The agents of a worker. */
export type Agents = {
  /** The one that a session names, or that of the settings. Undefined if this worker has no such agent. */
  of(name: string | undefined): Agent | undefined;
};

/** Every agent that there is; some need settings of their own. */
const NAMES = [
  "echo",
  "http",
  "claude_subprocess",
  "claude_api",
  "codex",
  "codex_sdk_sidecar",
  "acp",
  "auto",
] as const;

/** Agents that start no program on this machine. */
const WITHOUT_PROGRAMS: ReadonlySet<string> = new Set(["echo", "http", "codex_sdk_sidecar"]);

/** The agents that the settings allow. Throws `config_invalid` if the one that they name is not among them. */
export function agentsOf(settings: AgentSettings, home: AgentHome): Agents {
  const { registry, agent } = registryOf(settings, home);
  return {
    of(name = agent) {
      if (!registry.has(name)) return undefined;
      return { ...agentOf(registry.get(name)), programs: !WITHOUT_PROGRAMS.has(name) };
    },
  };
}

/** The runner that the settings name. Throws `config_invalid` if there is none. */
export function runnerOf(settings: AgentSettings, home: AgentHome): Runner {
  return registryOf(settings, home).registry.get();
}

function registryOf(settings: AgentSettings, home: AgentHome): { registry: Registry; agent: string } {
  const { agentHttpUrl } = settings;
  const agent = settings.agent === "auto" ? chosenOn(home) : settings.agent;
  const registry = createRegistry(adaptersOf(settings, home), agent);
  if (agent === "http" && agentHttpUrl === undefined)
    throw codedError("config_invalid", "the agent `http` needs RUNNER_RELAY_AGENT_HTTP_URL");
  if (agent === "acp" && settings.acpCommand === undefined)
    throw codedError("config_invalid", "the agent `acp` needs RUNNER_RELAY_ACP_COMMAND");
  if (!registry.has(agent))
    throw codedError(
      "config_invalid",
      `RUNNER_RELAY_AGENT: there is no agent \`${agent}\`; choose ${NAMES.join(" or ")}`,
    );
  return { registry, agent };
}

/** How each adapter is made that can be had. */
function adaptersOf(settings: AgentSettings, home: AgentHome): Adapters {
  const { agentHttpUrl } = settings;
  return {
    echo: echoRunner,
    ...(agentHttpUrl === undefined ? {} : { http: () => httpRunner(agentHttpUrl) }),
    claude_subprocess: () => claudeSubprocess(claudeConfig(settings, home), home.clock),
    ...otherAdapters(settings, home),
    claude_api: () => claudeApi({ model: settings.claudeModel, ...accessOf(home) }, home.clock),
  };
}

/** The SDK's own CLI comes before the user's, because it is the version that the SDK knows. */
function claudeConfig(
  { claudeModel }: AgentSettings,
  { env, folder, root, claudeSettings }: AgentHome,
): ClaudeConfig {
  const hasOwnCli = hasPackage(`${CLAUDE_SDK}-${process.platform}-${process.arch}/package.json`);
  return {
    model: claudeModel,
    ...accessOf({ env }),
    folder,
    ...(claudeSettings === undefined ? {} : { settingSources: claudeSettings }),
    executable: hasOwnCli ? undefined : findProgram("claude", env["PATH"]),
    root,
  };
}

function accessOf({ env }: Pick<AgentHome, "env">): Pick<ClaudeConfig, "apiKey" | "baseUrl"> {
  return { apiKey: env["ANTHROPIC_API_KEY"], baseUrl: env["ANTHROPIC_BASE_URL"] };
}

function chosenOn({ env }: AgentHome): string {
  return chosenBy({
    claudeCli: findProgram("claude", env["PATH"]) !== undefined,
    claudeSdk: hasPackage(CLAUDE_SDK),
    anthropicKey: env["ANTHROPIC_API_KEY"] !== undefined,
  });
}
