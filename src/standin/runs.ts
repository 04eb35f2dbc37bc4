import type { Runner } from "./runners.ts";
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
  status: "pending" | "claimed" | "running" | "stopping" | "completed" | "failed" | "stopped";
  runner_id: string | null;
  error: string | null;
  created_at: string;
  claimed_at: string | null;
  started_at: string | null;
  completed_at: string | null;
  timeout_at: string | null;
  scope: JsonObject | null;
  resolved_agent_blueprint: JsonObject | null;
};

export type Runs = ReturnType<typeof createRuns>;

/** How long a run waits for a matching runner before the coordinator would fail it; only shown here. */
const NO_MATCH_MS = 5 * 60_000;
const ENDED: ReadonlySet<Run["status"]> = new Set(["completed", "failed", "stopped"]);
const RUNNER_GONE = "Runner disconnected during execution";

/** All runs. `stamp(ms)` is the time of now plus `ms`; `onNew` is called when a run was made. */
// oxlint-disable-next-line max-lines-per-function -- each method is short; all of them read and write the one map of runs
export function createRuns(deps: {
  stamp: (aheadMs?: number) => string;
  newId: () => string;
  onNew: () => void;
}) {
  const runs = new Map<string, Run>();
  // The real coordinator fails a lost runner's runs only in its database. Until it restarts, it shows the runs in its memory.
  const failedInStore = new Map<Run, string>();

  return {
    get: (id: string): Run | undefined => runs.get(id),
    list: (): Run[] => Array.from(runs.values()),
    /** The oldest run of a session, ended or not: the one that a stop is about. */
    firstOf: (sessionId: string): Run | undefined =>
      runs.values().find((run) => run.session_id === sessionId),
    /** Sessions whose newest run was this runner's. */
    lastServedBy(runnerId: string): string[] {
      const newest = new Map(Array.from(runs.values(), (run) => [run.session_id, run]));
      return Array.from(newest.values())
        .filter((run) => run.runner_id === runnerId)
        .map((run) => run.session_id);
    },

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
        scope: known.scope ?? null,
        resolved_agent_blueprint: known.resolved_agent_blueprint ?? null,
      };
      runs.set(run.run_id, run);
      deps.onNew();
      return run;
    },

    /** How many runs of a session were removed. */
    removeOf(sessionId: string): number {
      let removed = 0;
      for (const run of runs.values()) if (run.session_id === sessionId && runs.delete(run.run_id)) removed++;
      return removed;
    },

    setStatus(run: Run, status: Run["status"], error?: string): void {
      run.status = status;
      if (error !== undefined) run.error = error;
      if (status === "running") run.started_at = deps.stamp();
      if (ENDED.has(status)) run.completed_at = deps.stamp();
      failedInStore.delete(run);
    },

    /** Claims the oldest pending run that fits, if there is one. */
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

    /** Fails the runs that a lost runner had claimed or started. This shows only after {@link restart}. */
    failOf(runnerId: string): Run[] {
      const failed = Array.from(runs.values()).filter(
        (run) =>
          run.runner_id === runnerId &&
          (run.status === "claimed" || run.status === "running") &&
          !failedInStore.has(run),
      );
      for (const run of failed) failedInStore.set(run, deps.stamp());
      return failed;
    },

    /** A restart of the coordinator reads all runs from its database. */
    restart(): void {
      for (const [run, completed_at] of failedInStore)
        Object.assign(run, { status: "failed", error: RUNNER_GONE, completed_at });
      failedInStore.clear();
    },
  };
}

/** A resumed session goes back to its own machine and profile: both must be what the runner registered. */
function fits(demands: JsonObject, runner: Runner): boolean {
  const has = { ...runner, executor_type: runner.executor["type"] };
  return (["executor_type", "hostname", "project_dir", "executor_profile"] as const).every(
    (name) => demands[name] === undefined || demands[name] === null || demands[name] === has[name],
  );
}

// Scope and blueprint are returned by a poll and shown nowhere else: neither in the list nor under the run's own address.
const SHOWN: readonly (keyof Run)[] = [
  ...(["run_id", "type", "session_id", "agent_name", "parameters", "status"] as const),
  ...(["project_dir", "parent_session_id", "execution_mode", "demands", "runner_id", "error"] as const),
  ...(["created_at", "claimed_at", "started_at", "completed_at", "timeout_at"] as const),
];

/** A run as `GET /runs` and `GET /runs/{id}` show it. Pure. */
export function shownRun(run: Run): JsonObject {
  return Object.fromEntries(SHOWN.map((name) => [name, run[name]]));
}
