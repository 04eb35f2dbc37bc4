import type { Clock } from "../../shared/base/clock.ts";
import type { Runner } from "../port.ts";
import { createRunner } from "../running.ts";
import { beginExec } from "./exec.ts";
import type { CodexConfig } from "./options.ts";
import { beginTurn } from "./turn.ts";

// turn.ts runs a turn with an app server, reading.ts reads what that says · exec.ts and exec-reading.ts do it with `codex exec` · items.ts are Codex's texts and tools, options.ts what it is given

export type { CodexConfig } from "./options.ts";

/** Codex, one child per turn. `exec`: by `codex exec --json`, which can ask nobody; otherwise by its app server. */
export function codexRunner(config: CodexConfig & { exec: boolean }, clock: Clock): Runner {
  return createRunner("codex", (session, prompt, choice) =>
    config.exec
      ? beginExec(config, session, prompt, choice)
      : beginTurn({ config, clock }, session, prompt, choice),
  );
}
