import type { Clock } from "../../shared/base/clock.ts";
import { rest } from "../../shared/base/rest.ts";
import type { Call, Outcome } from "../tool.ts";
import { failed } from "../tool.ts";
import { isObject, type Answer } from "./answer.ts";
import { AGAIN_MS, type Ask } from "./ask.ts";

export const MODES = ["sync", "async_poll", "async_callback"] as const;
export type Mode = (typeof MODES)[number];

/** Characters of `parameters` as JSON, and of a result's text: the original's limits. */
export const MOST_PARAMETERS = 100_000;
export const MOST_RESULT = 50_000;
/** How long what does not wait for a run is tried through an outage. */
export const PATIENCE_MS = 30_000;

export type RunDeps = {
  ask: Ask;
  clock: Clock;
  /** How long a `sync` call waits for its run. */
  timeoutMs: number;
  againMs?: number;
};

/** What a run is asked for: the body of `POST /runs`, without what comes from the caller. */
export type Wanted = {
  type: "start_session" | "resume_session";
  parameters: Readonly<Record<string, unknown>>;
  mode: Mode;
  session_id?: string;
  agent_name?: string;
  project_dir?: string;
};

/** Starts a run, and waits for its result if the mode is `sync`. */
export async function startRun(deps: RunDeps, wanted: Wanted, call: Call): Promise<Outcome> {
  const problem = problemOf(wanted, call);
  if (problem !== undefined) return failed(problem);
  const { ask, clock, timeoutMs } = deps;
  const startedAt = clock.now();
  const isSync = wanted.mode === "sync";
  const until = startedAt + (isSync ? timeoutMs : PATIENCE_MS);
  const tell = teller(deps, call, startedAt);
  const answer = await ask({
    method: "POST",
    path: "/runs",
    body: bodyOf(wanted, call),
    until,
    signal: call.signal,
    onAway: (text) => tell(`the coordinator is away, the run is not started yet: ${text}`),
  });
  if (answer.kind !== "ok") return failed(notStarted(answer));
  const { run_id: run, session_id: session } = isObject(answer.body) ? answer.body : {};
  if (typeof run !== "string" || typeof session !== "string")
    return failed("the coordinator's answer names no run and session");
  if (!isSync) return { kind: "object", value: { session_id: session, status: "pending" } };
  const ended = await untilEnded(deps, { run, until, tell }, call);
  if (ended !== undefined) return failed(`session ${session}: ${ended}`);
  return resultOf(deps, session, Math.max(until, clock.now() + PATIENCE_MS), call);
}

/** What is wrong with a call before anything is sent; undefined if nothing is. Pure. */
function problemOf({ mode, parameters }: Wanted, { caller }: Call): string | undefined {
  if (mode === "async_callback" && caller.sessionId === undefined)
    return "async_callback needs a parent session: send the header X-Agent-Session-Id";
  const { length } = JSON.stringify(parameters);
  return length > MOST_PARAMETERS
    ? `parameters have ${length} characters as JSON, and ${MOST_PARAMETERS} are allowed`
    : undefined;
}

/** Empty members are left out. What a demand says of the folder is also the default of `project_dir`. Pure. */
export function bodyOf(wanted: Wanted, { caller }: Pick<Call, "caller">): object {
  const { type, parameters, mode, session_id, agent_name } = wanted;
  const { project_dir: demanded } = caller.demands;
  const isStart = type === "start_session";
  const folder = wanted.project_dir ?? (isStart && typeof demanded === "string" ? demanded : undefined);
  return {
    type,
    parameters,
    ...(session_id === undefined ? {} : { session_id }),
    ...(agent_name === undefined ? {} : { agent_name }),
    ...(folder === undefined ? {} : { project_dir: folder }),
    ...(caller.sessionId === undefined ? {} : { parent_session_id: caller.sessionId }),
    execution_mode: mode,
    ...(Object.keys(caller.demands).length === 0 ? {} : { additional_demands: caller.demands }),
  };
}

function notStarted(answer: Exclude<Answer, { kind: "ok" }>): string {
  if (answer.kind === "refused") return `the coordinator refused the run: ${answer.text}`;
  return answer.carriedOut === "no"
    ? `the run was not started, because the coordinator cannot be reached: ${answer.text}`
    : `the run may have been started, but its answer was lost (list_agent_sessions shows it then): ${answer.text}`;
}

/** Looks at a run until it has ended. Returns why there is no result; undefined if it completed. An outage only costs looks. */
async function untilEnded(
  { ask, clock, againMs = AGAIN_MS }: RunDeps,
  { run, until, tell }: { run: string; until: number; tell: (text: string) => void },
  { signal }: Call,
): Promise<string | undefined> {
  const path = `/runs/${encodeURIComponent(run)}`;
  for (;;) {
    const onAway = (text: string): void => tell(`the coordinator is away, the run goes on: ${text}`);
    const answer = await ask({ method: "GET", path, until, signal, onAway });
    if (answer.kind === "refused") return `the coordinator does not show the run: ${answer.text}`;
    if (answer.kind === "away")
      return `the coordinator has been away until the time was over; the run goes on: ${answer.text}`;
    const { status, error } = isObject(answer.body) ? answer.body : {};
    if (status === "completed") return undefined;
    if (status === "failed")
      return `the run failed: ${typeof error === "string" ? error : "no reason given"}`;
    if (status === "stopped") return "the run was stopped";
    if (clock.now() + againMs > until)
      return `the run is still ${String(status)}, and the time is over; it goes on`;
    tell(`the run is ${String(status)}`);
    await rest(clock, againMs, signal);
    signal.throwIfAborted();
  }
}

/** The result of a session, cut to what an agent can read. */
export async function resultOf(
  { ask }: Pick<RunDeps, "ask">,
  session: string,
  until: number,
  { signal }: Call,
): Promise<Outcome> {
  const path = `/sessions/${encodeURIComponent(session)}/result`;
  const answer = await ask({ method: "GET", path, until, signal });
  if (answer.kind !== "ok") return failed(`session ${session} has no result: ${answer.text}`);
  const { result_text: text, result_data: data } = isObject(answer.body) ? answer.body : {};
  return {
    kind: "object",
    value: {
      session_id: session,
      result_text: cut(typeof text === "string" ? text : ""),
      result_data: data ?? null,
    },
  };
}

function cut(text: string): string {
  if (text.length <= MOST_RESULT) return text;
  return `${text.slice(0, MOST_RESULT)}\n\n[cut: ${text.length} characters, of which ${MOST_RESULT} are shown]`;
}

function teller({ clock, timeoutMs }: RunDeps, { progress }: Call, startedAt: number) {
  return (text: string): void =>
    progress({ done: (clock.now() - startedAt) / 1000, total: timeoutMs / 1000, text });
}
