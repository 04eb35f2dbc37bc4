import type { Clock } from "../../shared/base/clock.ts";
import type { Runner } from "../port.ts";
import { createRunner } from "../running.ts";
import type { ClaudeConfig } from "./options.ts";
import { loadSdk, type Sdk } from "./sdk.ts";
import { beginTurn } from "./turn.ts";

// turn.ts runs one · sdk.ts is what is used of the SDK, options.ts what it is given, spawned.ts its child, inbox.ts what the user says · messages.ts and blocks.ts read what comes back

export type { ClaudeConfig } from "./options.ts";
export { SDK as CLAUDE_SDK } from "./sdk.ts";

/** Claude Code, one child per turn, by the Agent SDK. `load`: the SDK, if it is not where this package is. */
export function claudeSubprocess(
  config: ClaudeConfig,
  clock: Clock,
  load: () => Promise<Sdk> = loadSdk,
): Runner {
  return createRunner("claude_subprocess", (session, prompt, choice) =>
    beginTurn({ config, clock, load }, session, prompt, choice),
  );
}
