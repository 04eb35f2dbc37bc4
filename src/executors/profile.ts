import { approvalOf } from "../agents/approval.ts";
import type { ApprovalChoice } from "../agents/port.ts";
import { isObject, type JsonObject } from "./invocation.ts";

/** What a runner's profile says of an executor, by its `config`. Names that are not known are for others. */
export type Profile = {
  /** Which executor it is, where the command does not say so. */
  agent: string | undefined;
  model: string | undefined;
  /** How much the agent may do unasked. */
  choice: ApprovalChoice;
  /** Which settings of its user and project Claude Code reads. */
  settingSources: readonly string[];
  /** Variables for the executor, in place of those that it has: settings of ours, or those of an agent. */
  env: Readonly<Record<string, string>>;
};

const ALL_SOURCES: readonly string[] = ["user", "project", "local"];

/** Reads a profile's `config`. Without a permission mode the agent may do everything: nobody is there who could be asked. Throws for what cannot be meant. Pure. */
export function readProfile(config: JsonObject): Profile {
  const { agent = null, model = null, env = null } = config;
  const { permission_mode: mode = "bypassPermissions", setting_sources: sources = ALL_SOURCES } = config;
  if (agent !== null && typeof agent !== "string") throw wrong("agent", "must be a text");
  if (model !== null && typeof model !== "string") throw wrong("model", "must be a text");
  if (!isTexts(sources)) throw wrong("setting_sources", "must be a list of texts");
  if (env !== null && !(isObject(env) && isTexts(Object.values(env))))
    throw wrong("env", "must be an object of texts");
  const choice = mode === "dontAsk" ? 0 : approvalOf(mode);
  if (choice === undefined)
    throw wrong("permission_mode", "must be default, acceptEdits or bypassPermissions");
  return {
    agent: agent ?? undefined,
    model: model === null || model === "" ? undefined : model,
    choice,
    settingSources: sources,
    env: (env ?? {}) as Record<string, string>,
  };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((it) => typeof it === "string");
}

function wrong(name: string, what: string): Error {
  return new Error(`executor_config.${name} ${what}`);
}
