import { codedError } from "../shared/base/errors.ts";

/** What of an agent this machine has. */
export type Found = {
  /** The user's own `claude` is on the path. */
  claudeCli: boolean;
  /** `@anthropic-ai/claude-agent-sdk` is installed. */
  claudeSdk: boolean;
  /** `ANTHROPIC_API_KEY` is set. */
  anthropicKey: boolean;
};

/** The adapter that `auto` means: Claude's CLI with its SDK, else its API. Throws `config_invalid` if nothing of that is there. Pure. */
export function chosenBy({ claudeCli, claudeSdk, anthropicKey }: Found): string {
  if (claudeCli && claudeSdk) return "claude_subprocess";
  if (anthropicKey) return "claude_api";
  throw codedError(
    "config_invalid",
    "RUNNER_RELAY_AGENT=auto found no agent: it needs the `claude` command with the package @anthropic-ai/claude-agent-sdk, or ANTHROPIC_API_KEY",
  );
}
