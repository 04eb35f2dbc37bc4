import type { Clock } from "../../shared/base/clock.ts";
import type { Runner } from "../port.ts";
import { createRunner } from "../running.ts";
import type { ClaudeConfig } from "./options.ts";
import { hasPackage } from "../optional-package.ts";
import { cliSdk } from "./cli.ts";
import { loadSdk, SDK, type Sdk } from "./sdk.ts";
import { beginTurn, RUNNER } from "./turn.ts";

// turn.ts runs one · sdk.ts is what is used of the SDK, options.ts what it is given, spawned.ts its child, inbox.ts what the user says · messages.ts and blocks.ts read what comes back, transcript.ts keeps what the CLI remembers · cli.ts and cli-arguments.ts do without the SDK

export type { ClaudeConfig } from "./options.ts";
export { SDK as CLAUDE_SDK } from "./sdk.ts";

/** Claude Code, one child per turn: by the Agent SDK where that is installed, else by the lines of the user's own CLI. `load`: what is used instead of that choice. */
export function claudeSubprocess(
  config: ClaudeConfig,
  clock: Clock,
  load: () => Promise<Sdk> = () => sdkFor(config, clock),
): Runner {
  return createRunner(RUNNER, (session, prompt, choice) =>
    beginTurn({ config, clock, load }, session, prompt, choice),
  );
}

/** The SDK comes first, because it knows its CLI. */
async function sdkFor({ executable }: ClaudeConfig, clock: Clock): Promise<Sdk> {
  return executable === undefined || hasPackage(SDK) ? await loadSdk() : cliSdk(executable, clock);
}
