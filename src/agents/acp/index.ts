import type { Clock } from "../../shared/base/clock.ts";
import type { Runner } from "../port.ts";
import { createRunner } from "../running.ts";
import { beginTurn, type AcpConfig } from "./turn.ts";

// turn.ts runs one, opening.ts opens its conversation, updates.ts reads what the agent says in it

export type { AcpConfig } from "./turn.ts";

/** Any agent that speaks the Agent Client Protocol, one child per turn. */
export function acpRunner(config: AcpConfig, clock: Clock): Runner {
  return createRunner("acp", (session, prompt) => beginTurn({ config, clock }, session, prompt));
}
