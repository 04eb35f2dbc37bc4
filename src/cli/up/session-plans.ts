import { AGENT_VARIABLES } from "../../shared/base/agent-variables.ts";
import { join } from "node:path";
import { variableNames, type Environment } from "../../shared/base/config/load.ts";
import { keepSecret, SESSIONS_KEY_FILE } from "../../shared/http/door/secret-file.ts";
import {
  COMMON_SETTINGS,
  SESSION_LIMITS,
  SESSIONS_ACCESS_SETTINGS,
  SESSIONS_SETTINGS,
  WORKER_SETTINGS,
  WORKSPACE_SETTINGS,
} from "../../shared/settings/index.ts";
import { UNDER_UP } from "../../shared/base/parent.ts";
import { OF_SERVE, OF_WORKER } from "./child-memory.ts";
import type { ChildPlan } from "./child-run.ts";
import {
  brokerVariables,
  childEnvironment,
  NETWORK,
  telemetryVariables,
  trustOptions,
} from "./environment.ts";
import type { LogHome } from "./log-home.ts";
import { commonVariables, configVariable, rootOf, type Asked } from "./plans.ts";

const KEY = SESSIONS_SETTINGS.sessionsApiKey;

/** The plans of the sessions server and of the worker. Throws `data_unusable` if the server's key cannot be kept. */
export function planSessions(asked: Asked, home: LogHome): { serve: ChildPlan; worker: ChildPlan } {
  const { context, flags, dataDir } = asked;
  const { env } = context;
  const common = {
    ...commonVariables(asked),
    ...configVariable(home),
    ...trustOptions(env, process.execArgv),
  };
  const extra = [...NETWORK, ...telemetryVariables(env)];
  const serve = childEnvironment({
    env,
    flags,
    tables: [COMMON_SETTINGS, SESSIONS_SETTINGS, SESSIONS_ACCESS_SETTINGS, WORKSPACE_SETTINGS],
    extra,
    set: { ...common, ...brokerVariables(home.access("serve")), ...ownKey(env, dataDir) },
  });
  const worker = childEnvironment({
    env,
    flags,
    tables: [COMMON_SETTINGS, WORKSPACE_SETTINGS, WORKER_SETTINGS, SESSION_LIMITS],
    extra: [...extra, ...AGENT_VARIABLES],
    set: { ...common, ...brokerVariables(home.access("worker")) },
  });
  return {
    serve: { name: "serve", main: rootOf("sessions"), args: [UNDER_UP], ...withMemory(OF_SERVE, serve) },
    worker: { name: "worker", main: rootOf("worker"), args: [UNDER_UP], ...withMemory(OF_WORKER, worker) },
  };
}

function withMemory(
  { env, nodeOptions }: typeof OF_SERVE,
  environment: Record<string, string>,
): Pick<ChildPlan, "env" | "nodeOptions"> {
  return { env: { ...env, ...environment }, nodeOptions };
}

/** Any program of this machine could run agents without a key. It is the one that was set, or else one that the data folder keeps. */
function ownKey(env: Environment, dataDir: string): Record<string, string> {
  if (variableNames([{ KEY }]).some((name) => env[name])) return {};
  keepSecret(dataDir, SESSIONS_KEY_FILE);
  return { [`${KEY.env}_FILE`]: join(dataDir, SESSIONS_KEY_FILE) };
}
