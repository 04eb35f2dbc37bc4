import { isObject } from "./json.ts";

/** Runs whose session is kept, about 100 B each; the oldest is forgotten and asked for again when it reports. */
const MAX_RUNS = 10_000;

/** What asking for a run came to. `away`: nobody could be asked. */
export type Found = { kind: "found"; session: string } | { kind: "unknown" } | { kind: "away" };

/** Which session a run belongs to. Run reports carry only the run, and must stay behind the session's events (DESIGN 5). */
export type Runs = {
  sessionOf(run: string): string | undefined;
  /** Asks the coordinator. */
  find(run: string): Promise<Found>;
  /** Reads the answer to a poll (`{run: {run_id, session_id}}`) or to a question about a run (`{run_id, session_id}`). */
  learn(body: Uint8Array): void;
};

/** Where the knowledge outlives a gateway: a run that completes in an outage must still find its session. */
export type KeptRuns = {
  read(): [run: string, session: string][];
  write(runs: [run: string, session: string][]): void;
};

export function createRuns(deps: {
  kept: KeptRuns;
  ask: (run: string) => Promise<{ status: number; body: Uint8Array } | undefined>;
}): Runs {
  const sessions = new Map<string, string>(deps.kept.read());

  function learn(body: Uint8Array): void {
    const value = parse(body);
    const run = isObject(value) && isObject(value["run"]) ? value["run"] : value;
    if (!isObject(run) || typeof run["run_id"] !== "string" || typeof run["session_id"] !== "string") return;
    if (sessions.get(run["run_id"]) === run["session_id"]) return;
    sessions.set(run["run_id"], run["session_id"]);
    const [oldest] = sessions.keys();
    if (sessions.size > MAX_RUNS && oldest !== undefined) sessions.delete(oldest);
    deps.kept.write([...sessions]);
  }

  return {
    sessionOf: (run) => sessions.get(run),
    learn,
    async find(run) {
      const answer = await deps.ask(run);
      if (answer === undefined || answer.status >= 500 || answer.status === 401 || answer.status === 403)
        return { kind: "away" };
      learn(answer.body);
      const session = sessions.get(run);
      if (session !== undefined) return { kind: "found", session };
      return answer.status === 404 ? { kind: "unknown" } : { kind: "away" };
    },
  };
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return undefined;
  }
}
