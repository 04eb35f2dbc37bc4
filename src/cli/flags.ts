import { Option, type Command } from "commander";
import { PATHS_SEPARATOR, showSetting, type Setting } from "../shared/base/config/setting.ts";

type Table = Record<string, Setting>;
export type Flags = Record<string, string | boolean | undefined>;

/** Adds an option for every setting of a table (docs/contract.md, "Programs around `up`"). */
export function addFlags(command: Command, table: Table): Command {
  for (const setting of Object.values(table)) {
    if (setting.flag !== undefined) command.addOption(optionOf(setting.flag, setting));
  }
  return command;
}

function optionOf(flag: string, setting: Setting): Option {
  const fallback =
    setting.fallback === undefined ? "" : `, default ${showSetting(setting.kind, setting.fallback)}`;
  const help = `${setting.help} (${setting.env}${fallback})`;
  const option = new Option(
    setting.kind.type === "flag" ? `--${flag}` : `--${flag} <${valueName(setting)}>`,
    help,
  );
  if (setting.kind.type === "paths") return option.argParser(many);
  return setting.kind.type === "choice" ? option.choices(setting.kind.of) : option;
}

function valueName(setting: Setting): string {
  const { type } = setting.kind;
  return type === "integer"
    ? "n"
    : type === "choice" || type === "text"
      ? "value"
      : type === "servers"
        ? "urls"
        : type === "paths"
          ? "path"
          : type;
}

/** A commander parser that collects the values of an option that may be repeated. */
export function many(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** The options that were given on the command line, by flag, as `loadSettings` takes them. */
export function flagsOf(command: Command, table: Table): Flags {
  const given: Flags = {};
  for (const { flag } of Object.values(table)) {
    if (flag === undefined) continue;
    const value = valueOf(command, flag);
    if (Array.isArray(value)) given[flag] = value.join(PATHS_SEPARATOR);
    if (typeof value === "string" || typeof value === "boolean") given[flag] = value;
  }
  return given;
}

/** Commander takes `--no-x` for the opposite of `--x`, which is true by default. */
function valueOf(command: Command, flag: string): unknown {
  if (!flag.startsWith("no-")) return command.getOptionValue(attributeOf(flag));
  return command.getOptionValue(attributeOf(flag.slice("no-".length))) === false ? true : undefined;
}

/** Commander's name for a flag. */
function attributeOf(flag: string): string {
  return flag.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** The same options as variables, for a composition root that reads the environment. */
export function flagVariables(table: Table, flags: Flags): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const setting of Object.values(table)) {
    const value = setting.flag === undefined ? undefined : flags[setting.flag];
    if (value !== undefined) variables[setting.env] = String(value);
  }
  return variables;
}
