import { Command, Option } from "commander";
import { codedError } from "../shared/base/errors.ts";
import { ownCommand } from "../shared/base/own-command.ts";
import { secretProblem } from "../shared/http/door/secret.ts";
import { confirm } from "./confirm.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf } from "./flags.ts";
import { dataFolder } from "./folders.ts";
import { HOOKED_AGENTS, type Hook, type HookedAgent, type Target } from "./hooks/agents.ts";
import { headersFile, makeHookKey, removeHookKey, writeHeaders, type Holder } from "./hooks/hook-keys.ts";
import { changeSettings, copyOf, readSettings, type SettingsFile } from "./hooks/settings-file.ts";
import { ourHooks, withHooks, withoutHooks } from "./hooks/settings-text.ts";
import { serverOf, SESSIONS_CLIENT_TABLE } from "./sessions/server.ts";

// hooks/agents.ts knows the agents (hooks/claude-events.ts, hooks/program-events.ts: what Claude Code can tell) · hooks/settings-text.ts edits their settings, hooks/settings-file.ts reads and writes them · hooks/hook-keys.ts has the keys

type Options = { agent: string; file?: string; key?: string; yes?: true; json?: true };

const HIDDEN = "<key>";

export function command(context: Context): Command {
  const hooks = new Command("hooks").description(
    "Has agents that run by themselves report to the sessions server: each session of theirs is recorded there, and can be watched.",
  );
  const install = subcommand(context, "install", "Puts our hooks into the agent's settings.", installed)
    .option("--key <key>", "key with the scope `hooks` of a server elsewhere (default: one is made)")
    .option("--yes", "skip the confirmation");
  const remove = subcommand(
    context,
    "remove",
    "Takes our hooks out of the agent's settings.",
    removed,
  ).option("--yes", "skip the confirmation");
  const status = subcommand(context, "status", "Says which of our hooks the agent has.", shown).option(
    "--json",
    "print JSON",
  );
  return hooks.addCommand(install).addCommand(status).addCommand(remove);
}

/** What a subcommand works with. `url`: asked for only where it is needed, because it may not be found. */
type Work = {
  context: Context;
  options: Options;
  agent: HookedAgent;
  /** At which it is to have our hooks. A large program of the agent is read for this. */
  events: () => readonly string[];
  settings: SettingsFile;
  dataDir: string;
  url: () => string;
};

function subcommand(
  context: Context,
  name: string,
  description: string,
  run: (work: Work) => Promise<void> | void,
): Command {
  const self = new Command(name)
    .description(description)
    .addOption(
      new Option("--agent <name>", "whose settings")
        .choices(Object.keys(HOOKED_AGENTS))
        .makeOptionMandatory(),
    )
    .option("--file <path>", "the agent's file of settings (default: the user's own)")
    .addHelpText("after", `\nExample:\n  runner-relay hooks ${name} --agent claude-code`);
  return addFlags(self, SESSIONS_CLIENT_TABLE).action(async (options: Options) => {
    const { env } = context;
    const agent = HOOKED_AGENTS[options.agent];
    if (agent === undefined) throw codedError("usage", `there is no agent ${options.agent}`);
    const flags = flagsOf(self, SESSIONS_CLIENT_TABLE);
    const data = typeof flags["data"] === "string" ? flags["data"] : env["RUNNER_RELAY_DATA"];
    const settings = readSettings(options.file ?? agent.file(env));
    const url = (): string => serverOf({ env, flags }).url.replace(/\/$/, "");
    const events = (): readonly string[] => agent.events(env);
    await run({ context, options, agent, events, settings, dataDir: dataFolder(data, env), url });
  });
}

async function installed(work: Work): Promise<void> {
  const { context, options, agent, settings, dataDir, url } = work;
  const events = work.events();
  const holder: Holder = { agent: options.agent, file: settings.file };
  const at = { url: url(), keyHeaders: headersFile(dataDir, holder) };
  const problem = options.key === undefined ? undefined : secretProblem(options.key);
  if (problem !== undefined) throw codedError("usage", `--key ${problem}`);
  for (const { hook, at: where } of formsOf(agent, events, { ...at, key: HIDDEN })) {
    context.warn(`Into ${settings.file}, for each of ${where.join(", ")}:`);
    context.warn(JSON.stringify(hook, null, 2));
  }
  await confirm(context, "Put these hooks there?", options.yes);
  context.mustFinish();
  const made = options.key === undefined ? makeHookKey(dataDir, holder) : undefined;
  const key = made?.key ?? options.key ?? "";
  const hooks = new Map(events.map((event) => [event, agent.hook({ ...at, key }, event)]));
  try {
    changeSettings(
      settings.file,
      (text) => withHooks(text, agent, hooks),
      (text) => ourHooks(text, agent).length === 0,
    );
    writeHeaders(dataDir, holder, key);
  } catch (error) {
    made?.drop();
    throw error;
  }
  made?.keep();
  const copy = settings.isThere ? `; the file as it was is ${copyOf(settings.file)}` : "";
  context.print(`${options.agent} reports to ${at.url}${copy}. Sessions that run now go on without.`);
}

/** The hooks that differ, each with its events. */
function formsOf(
  agent: HookedAgent,
  events: readonly string[],
  target: Target,
): { hook: Hook; at: string[] }[] {
  const groups = Map.groupBy(events, (event) => JSON.stringify(agent.hook(target, event)));
  return [...groups].map(([text, at]) => ({ hook: JSON.parse(text) as Hook, at }));
}

async function removed({ context, options, agent, settings, dataDir }: Work): Promise<void> {
  const holder: Holder = { agent: options.agent, file: settings.file };
  const found = ourHooks(settings.text, agent);
  if (found.length > 0) {
    await confirm(context, `Take ${found.length} hooks out of ${settings.file}?`, options.yes);
    context.mustFinish();
    changeSettings(settings.file, (text) => withoutHooks(text, agent));
  }
  removeHookKey(dataDir, holder);
  context.print(
    found.length > 0
      ? `${options.agent} reports no more. Sessions that run now may go on to; their key is not valid any more.`
      : `${settings.file} has no hooks of ours`,
  );
}

function shown({ context, options, agent, events: wanted, settings }: Work): void {
  const found = ourHooks(settings.text, agent);
  const events = [...new Set(found.map(({ event }) => event))];
  const missing = wanted().filter((event) => !events.includes(event));
  const { file } = settings;
  if (options.json) return context.print(JSON.stringify({ agent: options.agent, file, events, missing }));
  if (events.length === 0) return context.print(`${file} has no hooks of ours`);
  context.print(`${file} has our hooks for ${events.join(", ")}`);
  if (missing.length > 0)
    context.print(
      `not for ${missing.join(", ")}; \`${ownCommand("hooks", "install", "--agent", options.agent)}\` adds them`,
    );
}
