import { withoutMark } from "../../shared/base/byte-order-mark.ts";
import type { JsonMember } from "../../shared/base/json-scan.ts";
import { sessionIdProblem } from "../../shared/log/schema/session-id.ts";
import {
  elementsOf,
  membersOf,
  membersOfLong,
  objectOf,
  textOf,
  valueOf,
  type Members,
} from "../../shared/base/json-members.ts";
import { MAX_RUN_LENGTH } from "./runs.ts";

/** A run as the coordinator lists it, with the fields that matter here. Runs with ids that cannot be used as names are left out. */
export type ListedRun = {
  run: string;
  session: string;
  runner: string;
  status: string;
  started: boolean;
  /** Undefined: the run has no agent that the coordinator knows. */
  agent: string | undefined;
};

/** Most runs of one runner that are read from one list; a runner has fewer. */
const MAX_RUNS = 100;
/** Names of 200 bytes, each written as `\u0061`. */
const MAX_TEXT_BYTES = 1202;
const RUN_NAMES = ["run_id", "session_id", "runner_id", "status", "started_at", "agent_name"];

/** The runs of this runner in a list `{"runs": […]}`, in the coordinator's order. Empty for any other body. */
export async function runsOf(list: Uint8Array, runner: string): Promise<ListedRun[]> {
  const body = withoutMark(list);
  const runs = (await membersOfLong(body, ["runs"])).get("runs");
  const found: ListedRun[] = [];
  if (runs === undefined) return found;
  for (const element of elementsOf(valueOf(body, runs))) {
    const run = readRun(element, await membersOfLong(element, RUN_NAMES));
    if (run?.runner === runner && found.push(run) === MAX_RUNS) break;
  }
  return found;
}

/** One run, as `GET /runs/{id}` gives it. Pure. */
export function runOf(answer: Uint8Array): ListedRun | undefined {
  const body = withoutMark(answer);
  return readRun(body, membersOf(body, RUN_NAMES));
}

/** What an answer to a poll gives out. */
export type GivenOut = { run: { run: string; session: string } | undefined; stops: string[] };

/** Reads runs and stop commands from the coordinator's own answer to a poll, and nothing else. */
export async function givenOutBy(answer: Uint8Array): Promise<GivenOut> {
  const body = withoutMark(answer);
  const members = await membersOfLong(body, ["run", "stop_sessions"]);
  const given = objectOf(body, members.get("run"));
  const stops = members.get("stop_sessions");
  return {
    run: given === undefined ? undefined : namesOf(given, await membersOfLong(given, RUN_NAMES)),
    stops: stops === undefined ? [] : textsOf(valueOf(body, stops)),
  };
}

function namesOf(body: Uint8Array, members: Members): GivenOut["run"] {
  const [run, session] = ["run_id", "session_id"].map((name) =>
    textOf(body, members.get(name), MAX_TEXT_BYTES),
  );
  if (run === undefined || run.length > MAX_RUN_LENGTH || session === undefined) return undefined;
  return sessionIdProblem(session) === undefined ? { run, session } : undefined;
}

function textsOf(array: Uint8Array): string[] {
  const texts: string[] = [];
  for (const element of elementsOf(array)) {
    if (element.length > MAX_TEXT_BYTES) continue;
    const value: unknown = JSON.parse(Buffer.from(element).toString("utf8"));
    if (typeof value === "string" && texts.push(value) === MAX_RUNS) break;
  }
  return texts;
}

function readRun(body: Uint8Array, members: Members): ListedRun | undefined {
  const text = (name: string): string | undefined => textOf(body, members.get(name), MAX_TEXT_BYTES);
  const [run, session, runner, status] = [
    text("run_id"),
    text("session_id"),
    text("runner_id"),
    text("status"),
  ];
  if (run === undefined || session === undefined || runner === undefined || status === undefined)
    return undefined;
  if (sessionIdProblem(run) !== undefined || sessionIdProblem(session) !== undefined) return undefined;
  const agent = text("agent_name");
  if (agent === undefined && !isNothing(body, members.get("agent_name"))) return undefined;
  return { run, session, runner, status, started: !isNothing(body, members.get("started_at")), agent };
}

/** Is a member missing or null? */
function isNothing(body: Uint8Array, member: JsonMember | undefined): boolean {
  return member === undefined || Buffer.from(valueOf(body, member)).toString("latin1") === "null";
}
