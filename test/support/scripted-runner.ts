import { setTimeout as delay } from "node:timers/promises";

/** A runner that behaves as the original's poller: three failures, a second apart, and it dies with all its agents. */
export type ScriptedRunner = {
  /** Why it died, if it did. */
  died(): string | undefined;
  /** Answers that a relay gave for the coordinator, and those of the coordinator itself. */
  answers: { relay: number; coordinator: number };
  /** Runs that it was given: `[run, session]`. */
  runs: [string, string][];
  post(path: string, body: unknown): Promise<Response>;
  /** A whole run: started, bound, events, result, completed. */
  work(run: string, session: string, events: number): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

const MOST_FAILURES = 3;
const FAILURE_PAUSE_MS = 1000;
const POST_TIMEOUT_MS = 5000;
const POLL_TIMEOUT_MS = 35_000;
const HEARTBEAT_MS = 500;

/** Registers, polls and sends heartbeats at this URL until it is disposed of or dies. */
export async function startScriptedRunner(url: string): Promise<ScriptedRunner> {
  const stopping = new AbortController();
  let death: string | undefined;
  const answers = { relay: 0, coordinator: 0 };
  const runs: [string, string][] = [];

  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(url + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(POST_TIMEOUT_MS),
    });
  const executor = { type: "autonomous", command: "x", config: {} };
  const registered = await post("/runner/register", {
    hostname: "host-1",
    project_dir: "/p",
    executor_profile: "coding",
    executor,
  });
  const { runner_id: runner } = (await registered.json()) as { runner_id: string };

  /** Repeats a call until it was refused three times in a row. */
  async function keep(name: string, pauseMs: number, ask: () => Promise<Response>): Promise<void> {
    let failures = 0;
    while (!stopping.signal.aborted && death === undefined) {
      let failure: string | undefined;
      try {
        const answer = await ask();
        if (answer.ok) answers[answer.headers.get("rr-answered-by") === "relay" ? "relay" : "coordinator"]++;
        else failure = `${answer.status} ${await answer.text()}`;
      } catch (error) {
        if (stopping.signal.aborted) return;
        failure = String(error);
      }
      failures = failure === undefined ? 0 : failures + 1;
      if (failures >= MOST_FAILURES) death = `${name}: ${failure}`;
      const pause = failure === undefined ? pauseMs : FAILURE_PAUSE_MS;
      if (pause > 0) await delay(pause, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }

  const loops = Promise.all([
    keep("poll", 0, async () => {
      const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(POLL_TIMEOUT_MS)]);
      const answer = await fetch(`${url}/runner/runs?runner_id=${runner}`, { signal });
      if (answer.status === 200) {
        const { run } = (await answer.clone().json()) as { run: { run_id: string; session_id: string } };
        runs.push([run.run_id, run.session_id]);
      }
      return answer;
    }),
    keep("heartbeat", HEARTBEAT_MS, () => post("/runner/heartbeat", { runner_id: runner })),
  ]);

  return {
    died: () => death,
    answers,
    runs,
    post,
    async work(run, session, events) {
      const told = async (path: string, body: unknown): Promise<void> => {
        const answer = await post(path, body);
        if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
      };
      await told(`/runner/runs/${run}/started`, { runner_id: runner });
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
      await told(`/runner/runs/${run}/completed`, { runner_id: runner });
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await loops;
    },
  };
}
