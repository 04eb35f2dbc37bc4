import type { ApprovalChoice, Asked, Ruling } from "./port.ts";

/** How people and programs call the three choices. */
const MODES: Readonly<Record<string, ApprovalChoice>> = {
  "0": 0,
  ask: 0,
  default: 0,
  "1": 1,
  accept_edits: 1,
  acceptEdits: 1,
  "2": 2,
  bypass: 2,
  bypassPermissions: 2,
};

/** The choice that `mode` names, as a word or a number; undefined for anything else. Pure. */
export function approvalOf(mode: unknown): ApprovalChoice | undefined {
  if (typeof mode !== "string" && typeof mode !== "number") return undefined;
  return Object.hasOwn(MODES, String(mode)) ? MODES[String(mode)] : undefined;
}

/** Rules for tools, each a tool's name, or `Name(text)` for one use of it. */
export type ToolRules = { allow: readonly string[]; ask: readonly string[]; deny: readonly string[] };

/** Reads the rules of a session's options. What is no rule is left out: it allows nothing. Pure. */
export function rulesOf(options: Readonly<Record<string, unknown>>): ToolRules {
  const { permissions } = options;
  const of = typeof permissions === "object" && permissions !== null ? permissions : {};
  const list = (name: string): string[] => {
    const value = (of as Record<string, unknown>)[name];
    return Array.isArray(value) ? value.filter((it) => typeof it === "string") : [];
  };
  return { allow: list("allow"), ask: list("ask"), deny: list("deny") };
}

/** What a tool is about to do: the text that a rule `Name(text)` is compared with. */
const MAIN_INPUTS = ["command", "file_path", "path", "notebook_path", "url", "query"] as const;

/** What the rules say of a wish of an agent: the strictest of those that are for it. Undefined if none is. Pure. */
export function ruling(asked: Asked, rules: ToolRules): Ruling | undefined {
  return (["deny", "ask", "allow"] as const).find((it) => rules[it].some((rule) => isFor(rule, asked)));
}

/** What is done with a wish of an agent before anybody is asked. Rules that deny or ask count more than the choice. Pure. */
export function judge(asked: Asked, choice: ApprovalChoice, rules: ToolRules): Ruling {
  const ruled = ruling(asked, rules);
  if (ruled !== undefined) return ruled;
  return choice === 2 || (choice === 1 && asked.edits === true) ? "allow" : "ask";
}

/** Is there any rule? Pure. */
export function hasRules({ allow, ask, deny }: ToolRules): boolean {
  return allow.length + ask.length + deny.length > 0;
}

function isFor(rule: string, { toolName, toolInput }: Asked): boolean {
  if (rule === toolName) return true;
  if (!rule.startsWith(`${toolName}(`) || !rule.endsWith(")")) return false;
  const text = rule.slice(toolName.length + 1, -1);
  if (typeof toolInput !== "object" || toolInput === null) return false;
  return MAIN_INPUTS.some((name) => (toolInput as Record<string, unknown>)[name] === text);
}
