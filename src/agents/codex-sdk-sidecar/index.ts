import type { Clock } from "../../shared/base/clock.ts";
import type { Runner } from "../port.ts";
import { createRunner } from "../running.ts";
import { beginTurn, type SidecarConfig } from "./turn.ts";

// turn.ts calls the sidecar, reading.ts reads what it says

export type { SidecarConfig } from "./turn.ts";

/** Codex behind the sidecar of Tether, which runs `codex exec`. */
export function sidecarRunner(config: SidecarConfig, clock: Clock): Runner {
  return createRunner("codex_sdk_sidecar", (session, prompt, choice) =>
    beginTurn({ config, clock }, session, prompt, choice),
  );
}
