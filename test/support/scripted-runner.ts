import { setTimeout as delay } from "node:timers/promises";

/** A run as a poll hands it out. */
export type HandedRun = {
  run_id: string;
  session_id: string;
  scope?: unknown;
  resolved_agent_blueprint?: unknown;
};

/** An agent that works on a run. */
export type Executor = {
  /** Settles when it has ended by itself, its work done. */
  ended: Promise<void>;
  /** Ends it before. */
  stop(): Promise<void>;
};

/** A failed poll. */
export type PollFailure = {
  /** How many in a row, with this one. */
  count: number;
  /** Wall clock. */
  at: number;
  why: string;
};

/** A runner that behaves as the original does towards its coordinator. */
export type ScriptedRunner = {
  id: string;
  /** Why it died, if it did. */
  died(): string | undefined;
  failures: readonly PollFailure[];
  /** When a poll was finished, wall clock. */
  polled: readonly number[];
  /** Answers that one of ours gave for the coordinator, and those of the coordinator itself. */
  answers: { relay: number; coordinator: number };
  /** Runs that it was given: `[run, session]`. */
  runs: [string, string][];
  /** Reports that were not accepted; none is repeated. */
  lostReports: readonly string[];
  post(path: string, body: unknown): Promise<Response>;
  /** A whole run: started, bound, events, result, completed. */
  work(run: string, session: string, events: number): Promise<void>;
  /** Ends it as SIGTERM does: agents are stopped and reported, then it deregisters itself, which may fail. */
  stop(): Promise<void>;
  /** Ends it as SIGKILL does. */
  [Symbol.asyncDispose](): Promise<void>;
};

export type ScriptedRunnerOptions = {
  /** Starts the agent of each run that it is given. Without it, runs are only noted. */
  execute?: (run: HandedRun) => Executor;
  heartbeatMs?: number;
};

const MOST_FAILURES = 3;
const FIRST_PAUSE_MS = 1000;
const MOST_PAUSE_MS = 30_000;
/** One limit for all its calls; for a poll, a time-out means that there is nothing to do. */
const CALL_LIMIT_MS = 35_000;
/** What an executor waits for an answer. */
const EXECUTOR_LIMIT_MS = 5000;
/** The original's is 60 s. */
const HEARTBEAT_MS = 500;
/** It looks for agents that ended this often. */
const LOOK_MS = 1000;

/**
 * Registers, polls and sends heartbeats at this URL until it is stopped, disposed of or dies. Three failed polls in a row end it with
 * all its agents; only a finished poll resets the count. It registers once, repeats no report, and heartbeats may fail.
 */
export async function startScriptedRunner(
  url: string,
  options: ScriptedRunnerOptions = {},
): Promise<ScriptedRunner> {
  const ending = new AbortController();
  let death: string | undefined;
  let leaving = false;
  const answers = { relay: 0, coordinator: 0 };
  const runs: [string, string][] = [];
  const failures: PollFailure[] = [];
  const polled: number[] = [];
  const lostReports: string[] = [];
  const working = new Map<string, { run: string; executor: Executor }>();

  const call = async (
    method: string,
    path: string,
    body?: unknown,
    limitMs = CALL_LIMIT_MS,
  ): Promise<Response> => {
    const answer = await fetch(url + path, {
      method,
      ...(body === undefined
        ? {}
        : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
      signal: AbortSignal.any([ending.signal, AbortSignal.timeout(limitMs)]),
    });
    if (answer.ok) answers[answer.headers.has("rr-answered-by") ? "relay" : "coordinator"]++;
    return answer;
  };
  const post = (path: string, body: unknown): Promise<Response> => call("POST", path, body);
  const id = await register(post);

  async function report(path: string, body: object): Promise<void> {
    const why = await post(path, { runner_id: id, ...body }).then(
      async (answer) => (answer.ok ? undefined : `${answer.status} ${await answer.text()}`),
      String,
    );
    if (why !== undefined && !ending.signal.aborted) lostReports.push(`${path}: ${why}`);
  }

  async function begin(run: HandedRun): Promise<void> {
    runs.push([run.run_id, run.session_id]);
    if (options.execute === undefined) return;
    const entry = { run: run.run_id, executor: options.execute(run) };
    working.set(run.session_id, entry);
    await report(`/runner/runs/${run.run_id}/started`, {});
    void entry.executor.ended.then(async () => {
      await delay(Math.random() * LOOK_MS);
      if (working.get(run.session_id) !== entry) return; // stopped meanwhile
      working.delete(run.session_id);
      await report(`/runner/runs/${run.run_id}/completed`, { status: "success", session_status: "finished" });
    });
  }

  async function end(session: string): Promise<void> {
    const entry = working.get(session);
    if (entry === undefined) return;
    working.delete(session);
    await entry.executor.stop();
    await report(`/runner/runs/${entry.run}/stopped`, { signal: "SIGTERM" });
  }

  async function endAll(): Promise<void> {
    for (const session of Array.from(working.keys())) await end(session);
  }

  /** What a poll brought is done before the next one. */
  async function poll(): Promise<void> {
    let answer: Response;
    try {
      answer = await call("GET", `/runner/runs?runner_id=${id}`);
    } catch (error) {
      if (error instanceof Error && error.name === "TimeoutError") return;
      throw error;
    }
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    if (answer.status === 204) return;
    const found = (await answer.json()) as {
      run?: HandedRun;
      stop_sessions?: string[];
      deregistered?: boolean;
    };
    if (found.deregistered) death = "deregistered";
    for (const session of found.stop_sessions ?? []) await end(session);
    if (found.run !== undefined) await begin(found.run);
  }

  async function pollOn(): Promise<void> {
    let count = 0;
    while (alive()) {
      try {
        await poll();
        count = 0;
        polled.push(Date.now());
      } catch (error) {
        if (ending.signal.aborted) return;
        const why = reasonOf(error);
        failures.push({ count: ++count, at: Date.now(), why });
        if (count >= MOST_FAILURES) death = `poll: ${why}`;
        else await pause(Math.min(FIRST_PAUSE_MS * 2 ** (count - 1), MOST_PAUSE_MS));
      }
    }
    // The original does not deregister itself then: it takes both for a deregistration by others.
    if (death !== undefined) await endAll();
  }

  async function beat(): Promise<void> {
    while (alive()) {
      await post("/runner/heartbeat", { runner_id: id }).catch(() => undefined);
      await pause(options.heartbeatMs ?? HEARTBEAT_MS);
    }
  }

  const alive = (): boolean => !leaving && !ending.signal.aborted && death === undefined;

  const pause = (ms: number): Promise<void> =>
    delay(ms, undefined, { signal: ending.signal }).catch(() => undefined);
  const polling = pollOn();
  const beating = beat();

  return {
    id,
    died: () => death,
    failures,
    polled,
    answers,
    runs,
    lostReports,
    post,
    work: (run, session, events) =>
      work((path, body) => call("POST", path, body, EXECUTOR_LIMIT_MS), id, { run, session, events }),
    async stop() {
      await endAll();
      // no new polls and heartbeats; the poll that is held goes on until the end of the process
      leaving = true;
      await beating;
      await call("DELETE", `/runners/${id}?self=true`).catch(() => undefined);
      ending.abort();
      await Promise.all([polling, beating]);
    },
    async [Symbol.asyncDispose]() {
      ending.abort();
      await Promise.all([polling, beating]);
      for (const { executor } of working.values()) await executor.stop();
    },
  };
}

type Post = (path: string, body: unknown) => Promise<Response>;

async function register(post: Post): Promise<string> {
  const registered = await post("/runner/register", {
    hostname: "host-1",
    project_dir: "/p",
    executor_profile: "coding",
    executor: { type: "autonomous", command: "x", config: {} },
  });
  if (!registered.ok) throw new Error(`register: ${registered.status} ${await registered.text()}`);
  return ((await registered.json()) as { runner_id: string }).runner_id;
}

async function work(
  post: Post,
  runner_id: string,
  { run, session, events }: { run: string; session: string; events: number },
): Promise<void> {
  const told = async (path: string, body: unknown): Promise<void> => {
    const answer = await post(path, body);
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  };
  await told(`/runner/runs/${run}/started`, { runner_id });
  await told("/bind", { session_id: session, executor_session_id: "x" });
  for (let i = 0; i < events; i++)
    await told("/events", { session_id: session, event_type: "message", timestamp: `t${i}` });
  await told("/events", {
    session_id: session,
    event_type: "result",
    timestamp: "u",
    result_text: `result of ${session}`,
    result_data: null,
  });
  await told(`/runner/runs/${run}/completed`, { runner_id });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
