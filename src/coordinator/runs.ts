import { createHash } from "node:crypto";
import type { JsonObject } from "./validation.ts";

/** A run while it is in the coordinator's memory; the order of the fields is the coordinator's. */
export type Run = {
  run_id: string;
  type: string;
  session_id: string;
  agent_name: string | null;
  parameters: JsonObject;
  project_dir: string | null;
  parent_session_id: string | null;
  execution_mode: string;
  demands: JsonObject;
  status: "pending" | "claimed" | "running" | "completed" | "failed" | "stopped";
  runner_id: string | null;
  error: string | null;
  created_at: string;
  claimed_at: string | null;
  started_at: string | null;
  completed_at: string | null;
  timeout_at: string | null;
  scope: null;
  resolved_agent_blueprint: null;
};

export type Runner = { runner_id: string; hostname: string; executor_profile: string; executor_type: string };

export type Runs = ReturnType<typeof createRuns>;

/** How long a run waits for a matching runner before the coordinator would fail it; only shown here. */
const NO_MATCH_MS = 5 * 60_000;

/** Runs, the runners that take them, and who waits for one. `stamp(ms)` is the time of now plus `ms`. */
export function createRuns(deps: { stamp: (aheadMs?: number) => string; newId: () => string }) {
  const runs = new Map<string, Run>();
  const runners = new Map<string, Runner>();
  const waiting = new Set<() => void>();

  return {
    get: (id: string): Run | undefined => runs.get(id),
    list: (): Run[] => Array.from(runs.values()),
    runner: (id: string): Runner | undefined => runners.get(id),

    create(known: Pick<Run, "type" | "session_id"> & Partial<Run>): Run {
      const run: Run = {
        run_id: `run_${deps.newId()}`,
        type: known.type,
        session_id: known.session_id,
        agent_name: known.agent_name ?? null,
        parameters: known.parameters ?? {},
        project_dir: known.project_dir ?? null,
        parent_session_id: known.parent_session_id ?? null,
        execution_mode: known.execution_mode ?? "sync",
        demands: known.demands ?? {},
        status: "pending",
        runner_id: null,
        error: null,
        created_at: deps.stamp(),
        claimed_at: null,
        started_at: null,
        completed_at: null,
        timeout_at: deps.stamp(NO_MATCH_MS),
        scope: null,
        resolved_agent_blueprint: null,
      };
      runs.set(run.run_id, run);
      for (const wake of waiting) wake();
      return run;
    },

    /** How many runs of a session were removed. */
    removeOf(sessionId: string): number {
      let removed = 0;
      for (const run of runs.values()) if (run.session_id === sessionId && runs.delete(run.run_id)) removed++;
      return removed;
    },

    /** The id follows from who the runner is, so that one that comes back is the same. */
    register(runner: Omit<Runner, "runner_id">, projectDir: string): Runner {
      const identity = `${runner.hostname}:${projectDir}:${runner.executor_profile}`;
      const id = `lnch_${createHash("sha256").update(identity).digest("hex").slice(0, 12)}`;
      const registered = { ...runner, runner_id: id };
      runners.set(id, registered);
      return registered;
    },

    /** The registry lives in the coordinator's memory only: a restart forgets it, then runners get 401. */
    forgetRunners(): void {
      runners.clear();
    },

    /** Gives the oldest pending run that fits, if there is one. */
    claim(runner: Runner): Run | undefined {
      for (const run of runs.values()) {
        if (run.status !== "pending" || !fits(run.demands, runner)) continue;
        run.status = "claimed";
        run.runner_id = runner.runner_id;
        run.claimed_at = deps.stamp();
        return run;
      }
      return undefined;
    },

    /** Calls `wake` at the next new run; the returned function ends that. */
    onNew(wake: () => void): () => void {
      waiting.add(wake);
      return () => waiting.delete(wake);
    },
  };
}

/** A resumed session goes back to its own machine and profile: both must be what the runner registered. */
function fits(demands: JsonObject, runner: Runner): boolean {
  return (["executor_type", "hostname", "executor_profile"] as const).every(
    (name) => demands[name] === undefined || demands[name] === null || demands[name] === runner[name],
  );
}

function isActive(run: Run): boolean {
  return run.status === "pending" || run.status === "claimed" || run.status === "running";
}

// An ended run is shown as its row in the database, whose columns stand in another order.
const ROW: readonly (keyof Run)[] = [
  ...(["run_id", "type", "session_id", "agent_name", "parameters", "status"] as const),
  ...(["project_dir", "parent_session_id", "execution_mode", "demands", "runner_id", "error"] as const),
  ...(["created_at", "claimed_at", "started_at", "completed_at", "timeout_at"] as const),
];

/** A run as `GET /runs/{id}` shows it. */
export function shownRun(run: Run): JsonObject {
  return isActive(run) ? run : Object.fromEntries(ROW.map((name) => [name, run[name]]));
}
