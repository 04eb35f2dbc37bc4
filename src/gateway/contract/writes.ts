/** A write that goes through the log. */
export type WriteKind = "bind" | "event" | "metadata" | "run";

/**
 * The writes that an executor sends: `METHOD /name` with the session in the body, and `METHOD /sessions/{session_id}/name`. routes.ts matches requests by
 * this table, and the OpenAPI document lists it.
 */
export const WRITE_ROUTES = {
  event: { method: "POST", name: "events" },
  bind: { method: "POST", name: "bind" },
  metadata: { method: "PATCH", name: "metadata" },
} as const satisfies Partial<Record<WriteKind, { method: string; name: string }>>;

export type ExecutorWrite = keyof typeof WRITE_ROUTES;
export const EXECUTOR_WRITES = Object.keys(WRITE_ROUTES) as ExecutorWrite[];

/** `POST /runner/runs/{run_id}/…`: a runner's reports on a run. */
export const RUN_REPORTS = ["started", "completed", "failed", "stopped"] as const;

/** The writes as `METHOD /path`, the short paths first. Pure. */
export function writeLines(): string[] {
  const routes = Object.values(WRITE_ROUTES);
  return [
    ...routes.map(({ method, name }) => `${method} /${name}`),
    ...routes.map(({ method, name }) => `${method} /sessions/{session_id}/${name}`),
    ...RUN_REPORTS.map((report) => `POST /runner/runs/{run_id}/${report}`),
    "POST /runner/sessions/{session_id}/status",
  ];
}
