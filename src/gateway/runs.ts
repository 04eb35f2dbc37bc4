import { withoutMark } from "../shared/byte-order-mark.ts";
import { scanJson, type JsonMember } from "../shared/json-scan.ts";
import { sessionIdProblem } from "../shared/session-id.ts";

/** Runs whose session is kept, about 100 B each and 600 B at the most; the oldest is forgotten and asked for again when it reports. */
const MAX_RUNS = 10_000;
/** Longest name of a run that is kept, in characters: ids of any usual form fit several times over. */
const MAX_RUN_LENGTH = 200;
/** And in bytes of JSON, where each character may be written as `\u0061`. */
const MAX_TEXT_BYTES: number = 6 * MAX_RUN_LENGTH + 2;
/** Answers are nested less; a deeper one tells nothing of runs. */
const MAX_DEPTH = 64;

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

  function learn(answer: Uint8Array): void {
    const body = withoutMark(answer);
    const told = membersOf(body);
    const run = told.get("run");
    const within = run !== undefined && body[run.valueFrom] === OBJECT ? valueOf(body, run) : body;
    const named = within === body ? told : membersOf(within);
    const id = textOf(within, named.get("run_id"));
    const session = textOf(within, named.get("session_id"));
    if (id === undefined || session === undefined) return;
    if (id.length > MAX_RUN_LENGTH || sessionIdProblem(session) !== undefined) return;
    if (sessions.get(id) === session) return;
    sessions.set(id, session);
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

const OBJECT = 0x7b;
const NAMES = ["run", "run_id", "session_id"];

/** The members that matter of an object, by the offsets of their values: of a large answer nothing else is built (BOUND-1). */
function membersOf(body: Uint8Array): Map<string, JsonMember> {
  const members = new Map<string, JsonMember>();
  const scan = scanJson(body, {
    depth: MAX_DEPTH,
    names: NAMES,
    onMember(name, member) {
      if (name !== undefined) members.set(name, member);
    },
  });
  return scan.ok ? members : new Map();
}

function valueOf(body: Uint8Array, member: JsonMember): Uint8Array {
  return body.subarray(member.valueFrom, member.to);
}

function textOf(body: Uint8Array, member: JsonMember | undefined): string | undefined {
  if (member === undefined || member.to - member.valueFrom > MAX_TEXT_BYTES) return undefined;
  const value: unknown = JSON.parse(Buffer.from(valueOf(body, member)).toString("utf8"));
  return typeof value === "string" ? value : undefined;
}
