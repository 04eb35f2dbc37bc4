import { withoutMark } from "../../shared/base/byte-order-mark.ts";
import { sessionIdProblem } from "../../shared/log/schema/session-id.ts";
import { membersOf, objectOf, textOf } from "../../shared/base/json-members.ts";

/** Most runs whose session is kept, about 100 B each and 600 B at most. The oldest is forgotten, and the coordinator is asked when a report of it comes. */
const MAX_RUNS = 10_000;
/** Longest id of a run that is kept, in characters. Usual ids are several times shorter. */
export const MAX_RUN_LENGTH = 200;
/** The same in bytes of JSON, where each character may be written as `\u0061`. */
const MAX_TEXT_BYTES: number = 6 * MAX_RUN_LENGTH + 2;
const NAMES = ["run", "run_id", "session_id"];

/** The answer to a question about a run. `away`: the coordinator could not be asked. */
export type FoundSession = { kind: "found"; session: string } | { kind: "unknown" } | { kind: "away" };

/** Which session a run belongs to. Run reports carry only the run, and must stay behind the session's events (docs/contract.md, "Routes"). */
export type Runs = {
  sessionOf(run: string): string | undefined;
  /** Reads the answer to a poll (`{run: {run_id, session_id}}`) or to a question about a run (`{run_id, session_id}`). */
  learn(body: Uint8Array): void;
  /** Keeps a run and its session that the caller has read already. */
  know(run: string, session: string): void;
};

/** Keeps them beyond the life of a gateway: a run that completes in an outage must still find its session. */
export type KeptRuns = {
  read(): [run: string, session: string][];
  write(runs: [run: string, session: string][]): void;
};

export function createRuns(kept: KeptRuns): Runs {
  const sessions = new Map<string, string>(kept.read());

  function know(run: string, session: string): void {
    if (sessions.get(run) === session) return;
    sessions.set(run, session);
    const [oldest] = sessions.keys();
    if (sessions.size > MAX_RUNS && oldest !== undefined) sessions.delete(oldest);
    kept.write([...sessions]);
  }

  return {
    sessionOf: (run) => sessions.get(run),
    know,
    learn(body) {
      const told = runToldBy(body);
      if (told !== undefined) know(told.run, told.session);
    },
  };
}

/** Asks the coordinator for the session of a run that is not known yet, and keeps it. */
export async function findRun(
  run: string,
  runs: Runs,
  ask: (run: string) => Promise<{ status: number; body: Uint8Array } | undefined>,
): Promise<FoundSession> {
  const answer = await ask(run);
  if (answer === undefined || answer.status >= 500 || answer.status === 401 || answer.status === 403)
    return { kind: "away" };
  runs.learn(answer.body);
  const session = runs.sessionOf(run);
  if (session !== undefined) return { kind: "found", session };
  return answer.status === 404 ? { kind: "unknown" } : { kind: "away" };
}

/** The run in an answer, and its session. Undefined if the answer names none, or names that cannot be used. Pure. */
function runToldBy(answer: Uint8Array): { run: string; session: string } | undefined {
  const body = withoutMark(answer);
  const told = membersOf(body, NAMES);
  const inner = objectOf(body, told.get("run"));
  const within = inner ?? body;
  const named = inner === undefined ? told : membersOf(inner, NAMES);
  const run = textOf(within, named.get("run_id"), MAX_TEXT_BYTES);
  const session = textOf(within, named.get("session_id"), MAX_TEXT_BYTES);
  if (run === undefined || run.length > MAX_RUN_LENGTH) return undefined;
  return session === undefined || sessionIdProblem(session) !== undefined ? undefined : { run, session };
}
