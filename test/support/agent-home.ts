import { randomUUID } from "node:crypto";
import type { Agent } from "../../src/agents/agent.ts";
import { systemClock } from "../../src/shared/base/clock.ts";
import { silentLogger } from "../../src/shared/base/logger.ts";
import type { WorkerOptions } from "../../src/worker/worker.ts";
import { NO_PID_FILES } from "./no-pid-files.ts";

/** What a worker runs one agent with, in the folder that each session names, whatever that is. */
export function anyFolder(
  agent: Agent,
): Pick<WorkerOptions, "agents" | "places" | "spawn" | "log" | "maxTurnMs"> {
  const root = { root: "root", place: "place" };
  return {
    agents: { of: () => agent },
    log: silentLogger(),
    places: {
      claim: () => Promise.resolve({ kind: "run", root }),
      enter: ({ record }) =>
        Promise.resolve({
          kind: "entered",
          folder: String(record["workspace_dir"]),
          leave: () => undefined,
        }),
      stop: () => undefined,
    },
    maxTurnMs: 60 * 60 * 1000,
    spawn: {
      guard: () => {
        throw new Error("this agent runs no programs");
      },
      clock: systemClock,
      env: {},
      random: randomUUID,
      pidFiles: NO_PID_FILES,
    },
  };
}
