import { Type } from "typebox";
import { failed, toolOf, type Call, type Outcome, type Tool } from "../tool.ts";
import { isObject } from "./answer.ts";
import { MODES, PATIENCE_MS, resultOf, startRun, type RunDeps } from "./runs.ts";

// The seven tools of the Agent Orchestrator's own MCP server: same names, parameters and results, so that agents need not know which server they talk to.

const SESSION_ID = Type.String({ minLength: 1, description: "Id of the session." });
const PARAMETERS = Type.Record(Type.String(), Type.Unknown(), {
  description:
    'Input of the agent, as its parameters_schema says (list_agent_blueprints shows it). Without a schema: {"prompt": "…"}.',
});
const NULLABLE_TEXT = Type.Union([Type.String(), Type.Null()]);
const MODE = Type.Optional(
  Type.Enum([...MODES], {
    default: "sync",
    description:
      "sync waits for the result; async_poll returns at once, ask get_agent_session_status later; async_callback returns at once, and the parent session is resumed with the result.",
  }),
);
const RESULT = Type.Object({
  session_id: Type.String(),
  result_text: Type.String(),
  result_data: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]),
});
const STARTED = Type.Object({
  session_id: Type.String(),
  status: Type.Optional(Type.String({ description: "Of a run that is not waited for." })),
  result_text: Type.Optional(Type.String()),
  result_data: Type.Optional(Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()])),
});

function get({ ask, clock }: RunDeps, path: string, { signal }: Call): ReturnType<RunDeps["ask"]> {
  return ask({ method: "GET", path, until: clock.now() + PATIENCE_MS, signal });
}

export function orchestratorTools(deps: RunDeps): Tool[] {
  return [
    ...listTools(deps),
    toolOf({
      name: "start_agent_session",
      description: "Starts a new session of an agent, and waits for its result unless mode says otherwise.",
      parameters: Type.Object({
        parameters: PARAMETERS,
        agent_name: Type.Optional(NULLABLE_TEXT),
        project_dir: Type.Optional(NULLABLE_TEXT),
        mode: MODE,
      }),
      result: STARTED,
      isList: false,
      effect: "writes",
      run: ({ parameters, agent_name, project_dir, mode = "sync" }, call) =>
        startRun(
          deps,
          {
            type: "start_session",
            parameters,
            mode,
            ...(agent_name ? { agent_name } : {}),
            ...(project_dir ? { project_dir } : {}),
          },
          call,
        ),
    }),
    toolOf({
      name: "resume_agent_session",
      description: "Sends another prompt to a session, and waits for its result unless mode says otherwise.",
      parameters: Type.Object({ session_id: SESSION_ID, parameters: PARAMETERS, mode: MODE }),
      result: STARTED,
      isList: false,
      effect: "writes",
      run: async ({ session_id, parameters, mode = "sync" }, call) => {
        const known = await get(deps, `/sessions/${encodeURIComponent(session_id)}`, call);
        if (known.kind !== "ok") return failed(`session ${session_id} cannot be resumed: ${known.text}`);
        return startRun(deps, { type: "resume_session", session_id, parameters, mode }, call);
      },
    }),
    ...sessionTools(deps),
  ];
}

function listTools(deps: RunDeps): Tool[] {
  return [
    toolOf({
      name: "list_agent_blueprints",
      description: "Lists the agents that can be started, with what each takes as its parameters.",
      parameters: Type.Object({}),
      result: Type.Object({
        name: Type.String(),
        description: Type.String(),
        type: Type.String(),
        tags: Type.Array(Type.String()),
        parameters_schema: Type.Unknown(),
      }),
      isList: true,
      effect: "reads",
      run: async (_args, call) => {
        const { tags } = call.caller;
        const query = tags === undefined ? "" : `?tags=${encodeURIComponent(tags)}`;
        return listOf(await get(deps, `/agents${query}`, call), (body) =>
          itemsOf(body)
            .filter(({ status }) => status === "active")
            .map(({ name, description, type, tags: own, parameters_schema }) => ({
              name,
              description: description ?? "",
              type: type ?? "autonomous",
              tags: own ?? [],
              parameters_schema: parameters_schema ?? null,
            })),
        );
      },
    }),
    toolOf({
      name: "list_agent_sessions",
      description: "Lists all sessions with their status.",
      parameters: Type.Object({}),
      result: Type.Object({
        session_id: Type.String(),
        status: Type.String(),
        agent_name: NULLABLE_TEXT,
        created_at: NULLABLE_TEXT,
        last_resumed_at: NULLABLE_TEXT,
      }),
      isList: true,
      effect: "reads",
      run: async (_args, call) =>
        listOf(await get(deps, "/sessions", call), (body) =>
          sessionsIn(body).map(({ session_id, status, agent_name, created_at, last_resumed_at }) => ({
            session_id,
            status,
            agent_name: agent_name ?? null,
            created_at: created_at ?? null,
            last_resumed_at: last_resumed_at ?? null,
          })),
        ),
    }),
  ];
}

function sessionTools(deps: RunDeps): Tool[] {
  const statusOf = async (session: string, call: Call) =>
    get(deps, `/sessions/${encodeURIComponent(session)}/status`, call);
  return [
    toolOf({
      name: "get_agent_session_status",
      description: "Says how a session is: pending, running, idle, finished, failed, stopped, not_existent.",
      parameters: Type.Object({ session_id: SESSION_ID }),
      result: Type.Object({ session_id: Type.String(), status: Type.String() }),
      isList: false,
      effect: "reads",
      run: async ({ session_id }, call) => {
        const answer = await statusOf(session_id, call);
        if (answer.kind !== "ok") return failed(answer.text);
        const { status } = isObject(answer.body) ? answer.body : {};
        return {
          kind: "object",
          value: { session_id, status: typeof status === "string" ? status : "unknown" },
        };
      },
    }),
    toolOf({
      name: "get_agent_session_result",
      description: "Returns the newest result of a session that is finished, or idle between two turns.",
      parameters: Type.Object({ session_id: SESSION_ID }),
      result: RESULT,
      isList: false,
      effect: "reads",
      run: async ({ session_id }, call) => {
        const answer = await statusOf(session_id, call);
        if (answer.kind !== "ok") return failed(answer.text);
        const { status } = isObject(answer.body) ? answer.body : {};
        if (status !== "finished" && status !== "idle")
          return failed(`session ${session_id} is ${String(status)}, so it has no result yet`);
        return resultOf(deps, session_id, deps.clock.now() + PATIENCE_MS, call);
      },
    }),
    toolOf({
      name: "delete_all_agent_sessions",
      description: "Deletes all sessions of the coordinator, with their results. This cannot be taken back.",
      parameters: Type.Object({}),
      result: Type.Object({ deleted_count: Type.Integer() }),
      isList: false,
      effect: "removes",
      run: (_args, call) => deleteAll(deps, call),
    }),
  ];
}

async function deleteAll(deps: RunDeps, call: Call): Promise<Outcome> {
  const answer = await get(deps, "/sessions", call);
  if (answer.kind !== "ok") return failed(answer.text);
  let deleted = 0;
  for (const { session_id: session } of sessionsIn(answer.body)) {
    if (typeof session !== "string") continue;
    const path = `/sessions/${encodeURIComponent(session)}`;
    const until = deps.clock.now() + PATIENCE_MS;
    const gone = await deps.ask({ method: "DELETE", path, until, signal: call.signal });
    if (gone.kind === "ok") deleted++;
    else if (gone.kind === "away" || gone.status !== 404)
      return failed(`${deleted} sessions were deleted, then session ${session} could not be: ${gone.text}`);
  }
  return { kind: "object", value: { deleted_count: deleted } };
}

function listOf(answer: Awaited<ReturnType<RunDeps["ask"]>>, items: (body: unknown) => object[]): Outcome {
  return answer.kind === "ok" ? { kind: "list", items: items(answer.body) } : failed(answer.text);
}

function itemsOf(body: unknown): Record<string, unknown>[] {
  return Array.isArray(body) ? body.filter(isObject) : [];
}

function sessionsIn(body: unknown): Record<string, unknown>[] {
  return itemsOf(isObject(body) ? body["sessions"] : []);
}
