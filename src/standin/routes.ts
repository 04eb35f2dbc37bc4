import { agentRoutes } from "./agent-routes.ts";
import { batchRoute } from "./batch-route.ts";
import { json, type Call, type Reply } from "./call.ts";
import type { Route } from "./router.ts";
import { runRoutes } from "./run-routes.ts";
import { runnerRoutes, type RunnerRouteOptions } from "./runner-routes.ts";
import { createAddEvent, sessionRoutes, type SessionOptions } from "./session-routes.ts";
import type { State } from "./state.ts";
import type { JsonObject } from "./validation.ts";

export type ContractOptions = SessionOptions &
  RunnerRouteOptions & {
    /** Opens the route that takes several events at once. */
    batch: boolean;
    /** Runs for each item of a batch. */
    noteItem: (call: Call, item: JsonObject, reply: Reply) => void;
  };

/** All routes of the coordinator's contract. */
export function contractRoutes(state: State, options: ContractOptions): Route[] {
  const addEvent = createAddEvent(state, options);
  return [
    { method: "GET", path: "/health", handle: () => json(200, { status: "healthy" }) },
    ...sessionRoutes(state, options, addEvent),
    ...runRoutes(state),
    ...runnerRoutes(state, options),
    ...agentRoutes(),
    { method: "GET", path: "/sse/sessions", handle: (call) => openStream(state, call) },
    ...(options.batch ? [batchRoute(addEvent, options.noteItem)] : []),
  ];
}

function openStream(state: State, { query, headers, response }: Call): "taken" {
  const wanted = query.get("session_id");
  const init = query.get("include_init") !== "false" && headers["last-event-id"] === undefined;
  const known = state.sessions.list().filter((s) => wanted === null || s.session_id === wanted);
  state.broadcast.open(response, wanted, init ? { sessions: known } : undefined);
  return "taken";
}
