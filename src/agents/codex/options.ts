import type { ApprovalChoice } from "../port.ts";

/** What the settings say about Codex. */
export type CodexConfig = {
  /** The command, `codex`. */
  command: string;
  model: string | undefined;
  /** Variables of the program: credentials, its folder. Without any the user's own login is used. */
  env: Readonly<Record<string, string>>;
  /** Further settings of Codex, as `-c` takes them. */
  settings: readonly string[];
};

/** Nothing leaves the machine but requests to the model. */
const QUIET = ["check_for_update_on_startup=false", "analytics.enabled=false", "feedback.enabled=false"];

/** `-c` for each setting. Pure. */
export function settingFlags({ settings }: CodexConfig): string[] {
  return [...QUIET, ...settings].flatMap((setting) => ["-c", setting]);
}

/** What commands may do once they are allowed: change the workspace, or everything. Pure. */
function sandboxOf(choice: ApprovalChoice): "workspace-write" | "danger-full-access" {
  return choice === 2 ? "danger-full-access" : "workspace-write";
}

/** What a session's maker may choose. Pure. */
export function threadOptions(
  { model }: CodexConfig,
  of: { workspace: string | undefined; options: Readonly<Record<string, unknown>>; choice: ApprovalChoice },
): Record<string, unknown> {
  const { model: own, system_prompt: system } = of.options;
  const chosen = typeof own === "string" ? own : model;
  return {
    // everything that is not known to be harmless is asked for, so that the session's rules count; who bypasses is answered at once
    approvalPolicy: "untrusted",
    sandbox: sandboxOf(of.choice),
    ...(of.workspace === undefined ? {} : { cwd: of.workspace }),
    ...(chosen === undefined ? {} : { model: chosen }),
    ...(typeof system === "string" ? { developerInstructions: system } : {}),
  };
}
