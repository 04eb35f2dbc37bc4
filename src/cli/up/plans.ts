import { fileURLToPath } from "node:url";
import {
  COMMON_SETTINGS,
  CONSOLE_SETTINGS,
  COORDINATOR_SETTINGS,
  GATEWAY_SETTINGS,
  RELAY_SETTINGS,
} from "../../shared/settings/index.ts";
import { UNDER_UP } from "../../shared/base/parent.ts";
import type { Context } from "../context.ts";
import type { Flags } from "../flags.ts";
import { compileCacheFolder } from "../folders.ts";
import { OF_GATEWAY, SMALL } from "./child-memory.ts";
import type { ChildPlan } from "./child-run.ts";
import {
  brokerVariables,
  childEnvironment,
  NETWORK,
  telemetryVariables,
  TRUST,
  trustOptions,
} from "./environment.ts";
import type { LogHome } from "./log-home.ts";
import { standInKey, withoutCredentials } from "./stand-in.ts";
import type { UpValues } from "./table.ts";

/** What `up` was started with. */
export type Asked = { values: UpValues; flags: Flags; context: Context; dataDir: string };

/** The plan of the gateway's process. {@link tellGateway} says where the broker is, as soon as that is known. */
export function planGateway(asked: Asked, told: Promise<Record<string, string>>): ChildPlan {
  const { flags } = asked;
  const { env } = asked.context;
  const environment = childEnvironment({
    env,
    flags,
    tables: [COMMON_SETTINGS, GATEWAY_SETTINGS],
    extra: [...TRUST, ...telemetryVariables(env)],
    set: { ...commonVariables(asked), ...trustOptions(env, process.execArgv) },
  });
  return {
    name: "gateway",
    main: rootOf("gateway"),
    args: [UNDER_UP],
    env: { ...OF_GATEWAY.env, ...environment },
    told,
    nodeOptions: OF_GATEWAY.nodeOptions,
  };
}

export function tellGateway(home: LogHome): Record<string, string> {
  return { ...brokerVariables(home.access("gateway")), ...configVariable(home) };
}

/** Where the others find what they need. */
export type Places = { home: LogHome; coordinatorPort: number; coordinatorUrl: string };

/** The plans of the processes that start when the broker runs: the relay, the console, and the stand-in if no coordinator was named. */
export function planOthers(
  asked: Asked,
  places: Places,
): { relay: ChildPlan; console?: ChildPlan; coordinator?: ChildPlan } {
  const { values, context, dataDir } = asked;
  const key = values.coordinatorUrl === undefined ? standInKey(context.env, dataDir) : undefined;
  return {
    relay: planRelay(asked, places, key?.relay),
    ...(values.statusPage === "off" ? {} : { console: planConsole(asked, places) }),
    ...(key === undefined ? {} : { coordinator: planStandIn(asked, places, key.coordinator) }),
  };
}

/** `key` is the stand-in's, which takes the place of the credentials for the real coordinator. */
function planRelay(
  asked: Asked,
  { home, coordinatorUrl }: Places,
  key: Record<string, string> | undefined,
): ChildPlan {
  const { env } = asked.context;
  const environment = childEnvironment({
    env,
    flags: asked.flags,
    tables: [COMMON_SETTINGS, RELAY_SETTINGS],
    extra: [...NETWORK, ...telemetryVariables(env)],
    set: {
      ...commonVariables(asked),
      ...configVariable(home),
      ...trustOptions(env, process.execArgv),
      ...brokerVariables(home.access("relay")),
      RUNNER_RELAY_COORDINATOR_URL: coordinatorUrl,
    },
  });
  return {
    name: "relay",
    main: rootOf("relay"),
    args: [UNDER_UP],
    env: {
      ...SMALL.env,
      ...(key === undefined ? environment : { ...withoutCredentials(environment), ...key }),
    },
    nodeOptions: SMALL.nodeOptions,
  };
}

/** It calls only the broker, so it gets no proxy, no telemetry and nothing of the coordinator. */
function planConsole(asked: Asked, { home }: Places): ChildPlan {
  const { env } = asked.context;
  const environment = childEnvironment({
    env,
    flags: asked.flags,
    tables: [COMMON_SETTINGS, CONSOLE_SETTINGS],
    extra: TRUST,
    set: {
      ...commonVariables(asked),
      ...trustOptions(env, process.execArgv),
      ...brokerVariables(home.access("console")),
      ...configVariable(home),
    },
  });
  return {
    name: "console",
    main: rootOf("console"),
    args: [UNDER_UP],
    env: { ...SMALL.env, ...environment },
    nodeOptions: SMALL.nodeOptions,
  };
}

function planStandIn(
  asked: Asked,
  { home, coordinatorPort }: Places,
  key: Record<string, string>,
): ChildPlan {
  const { flags, context } = asked;
  return {
    name: "coordinator",
    main: rootOf("standin"),
    args: [],
    env: childEnvironment({
      env: context.env,
      flags: { "log-level": flags["log-level"] },
      tables: [COMMON_SETTINGS, COORDINATOR_SETTINGS],
      set: {
        RUNNER_RELAY_COORDINATOR_AUTO_CREATE: "true",
        ...commonVariables(asked),
        ...configVariable(home),
        ...key,
        RUNNER_RELAY_COORDINATOR_PORT: String(coordinatorPort),
      },
    }),
    nodeOptions: [],
  };
}

/** What every process is given. */
export function commonVariables({ context, dataDir }: Asked): Record<string, string> {
  const cache = compileCacheFolder(context.env);
  return {
    RUNNER_RELAY_DATA: dataDir,
    ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }),
  };
}

export function configVariable({ configFile }: LogHome): Record<string, string> {
  return configFile === undefined ? {} : { RUNNER_RELAY_BROKER_CONFIG: configFile };
}

/** Composition root of a process, `.ts` among sources and `.js` in the package. */
export function rootOf(part: string): string {
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return fileURLToPath(new URL(`../../${part}/main.${ending}`, import.meta.url));
}
