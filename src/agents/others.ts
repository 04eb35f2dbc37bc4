import type { Clock } from "../shared/base/clock.ts";
import { acpRunner } from "./acp/index.ts";
import { codexRunner } from "./codex/index.ts";
import { sidecarRunner } from "./codex-sdk-sidecar/index.ts";
import type { Adapters } from "./registry.ts";

/** What the settings say about programs of others. */
export type OtherSettings = {
  agentVariables: string | undefined;
  codexCommand: string | undefined;
  codexModel: string | undefined;
  codexExec: boolean | undefined;
  codexSettings: string | undefined;
  sidecarUrl: string | undefined;
  sidecarToken: string | undefined;
  acpCommand: string | undefined;
};

type Env = Readonly<Record<string, string | undefined>>;

/** The adapters of programs of others that the settings allow. `env`: of the worker. */
export function otherAdapters(
  settings: Partial<OtherSettings>,
  { env, clock }: { env: Env; clock: Clock },
): Adapters {
  const { codexCommand, sidecarUrl, sidecarToken } = settings;
  const [program, ...args] = wordsIn(settings.acpCommand);
  const given = variablesOf(settings, env);
  const codex = {
    model: settings.codexModel,
    env: given,
    settings: wordsIn(settings.codexSettings),
    exec: settings.codexExec === true,
  };
  return {
    ...(codexCommand === undefined
      ? {}
      : { codex: () => codexRunner({ ...codex, command: codexCommand }, clock) }),
    ...(sidecarUrl === undefined
      ? {}
      : { codex_sdk_sidecar: () => sidecarRunner({ url: sidecarUrl, token: sidecarToken }, clock) }),
    ...(program === undefined
      ? {}
      : { acp: () => acpRunner({ command: [program, ...args], env: given }, clock) }),
  };
}

/** Variables that agents get as the worker has them, because the settings name them. */
function variablesOf({ agentVariables = "" }: Partial<OtherSettings>, env: Env): Record<string, string> {
  const names = agentVariables.split(",").map((name) => name.trim());
  return Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]] as const] : [])));
}

function wordsIn(text = ""): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
