import type { Runner } from "../agents/port.ts";
import { rulesOf } from "../agents/approval.ts";
import type { SessionClient } from "../client/index.ts";
import type { SpawnDeps } from "../guard/spawn-agent.ts";
import type { Clock } from "../shared/base/clock.ts";
import { errorText } from "../shared/base/errors.ts";
import { cutTo } from "./fitting.ts";
import type { Input } from "./input.ts";
import { readInvocation, type Invocation } from "./invocation.ts";
import { startPlace, resumePlace, type Place } from "./place.ts";
import { readProfile, type Profile } from "./profile.ts";
import { firstPrompt, laterPrompt } from "./prompt.ts";
import type { Report } from "./report.ts";
import { createReporter, type Reporter } from "./reporter.ts";
import { runTurn, type Work } from "./turn.ts";

// invocation.ts and instruction.ts read what a runner says, input.ts has its lines, prompt.ts makes of it what the agent is asked · place.ts says where it works · turn.ts runs a turn ·
// report.ts decides what is said of it (fitting.ts makes that small enough), reporter.ts sends it, timestamps.ts orders it · test-runner.ts is the agent of `executor test`

/** How an executor ended. */
export type Ended = { kind: "done" } | { kind: "failed"; problem: string } | { kind: "stopped" };

/** The agent of an executor. */
export type ExecutorAgent = {
  name: string;
  runner: Runner;
  /** What it finds wrong with an invocation before anything happens. */
  refuses?: (invocation: Invocation) => string | undefined;
  /** It knows by itself what it resumes, and does not bind again. */
  remembers?: boolean;
  /** Where nothing can follow, its answer is printed alone. */
  bare?: boolean;
};

export type ExecutorDeps = {
  input: Input;
  /** The agent that is asked for, and how it starts programs. What is wrong with that is thrown. */
  prepare: (invocation: Invocation, profile: Profile) => Promise<{ agent: ExecutorAgent; spawn: SpawnDeps }>;
  client: Pick<SessionClient, "bind" | "addEvent" | "updateSession" | "getSession">;
  clock: Clock;
  timestamp: () => string;
  /** A line on stdout. */
  print: (line: string) => void;
  /** A line on stderr. */
  warn: (line: string) => void;
  /** The process is asked to end. */
  signal: AbortSignal;
  cwd: string;
  /** Where an agent works of which nobody says that; undefined for `cwd`. */
  projectDir: string | undefined;
};

/** How long what has happened may still be sent after a stop. The runner kills after 5 s. */
const LAST_WORDS_MS = 3000;
/** Most characters of an answer on stdout, which runners do not read. A pipe that nobody reads holds 64 KiB, and a character takes up to 6 bytes. */
const ANSWER_CHARS: number = 8 * 1024;

/** Runs an invocation, and the turns behind it if it starts a session. What is wrong is the end, in the words for stderr. */
export async function runExecutor(deps: ExecutorDeps): Promise<Ended> {
  try {
    const read = readInvocation(await deps.input.first);
    if (!read.ok) return { kind: "failed", problem: read.problem };
    for (const it of read.warnings) deps.warn(`Warning: ${it}`);
    return await carryOut(deps, read.invocation);
  } catch (error) {
    return { kind: "failed", problem: errorText(error) };
  }
}

async function carryOut(deps: ExecutorDeps, invocation: Invocation): Promise<Ended> {
  const { sessionId, mode, parameters, blueprint, config } = invocation;
  const profile = readProfile(config);
  const prompt = firstPrompt(parameters, blueprint.hasInputs);
  if (!prompt.ok) return { kind: "failed", problem: prompt.problem };
  const { agent, spawn } = await deps.prepare(invocation, profile);
  const refused = agent.refuses?.(invocation);
  if (refused !== undefined) return { kind: "failed", problem: refused };
  const own = `${agent.name}-${sessionId}`; // what the coordinator knows it by, if it does not name its conversations
  const place: Place =
    mode === "start" || agent.remembers === true
      ? startPlace(invocation.projectDir ?? deps.projectDir, deps.cwd)
      : await resumePlace(deps, sessionId);
  const bound: Report["bound"] =
    mode === "resume" && agent.remembers === true
      ? { id: own }
      : { wanted: place.threadId ?? own, resumed: mode === "resume" };
  const work = {
    sessionId,
    runner: agent.runner,
    folder: place.folder,
    blueprint,
    profile,
    rules: rulesOf(config),
  };
  const threadId = place.threadId === own ? undefined : place.threadId;
  const bare = agent.bare === true;
  return converse(deps, spawn, work, { mode, bare, prompt: prompt.text, bound, threadId });
}

type Talk = {
  mode: "start" | "resume";
  /** Where nothing can follow, the answer alone is printed. */
  bare: boolean;
  prompt: string;
  bound: Report["bound"];
  threadId: string | undefined;
};

/** A turn after the other, until no other comes. */
async function converse(deps: ExecutorDeps, spawn: SpawnDeps, work: Work, talk: Talk): Promise<Ended> {
  const { input, client, timestamp, warn } = deps;
  const lost = new AbortController();
  const asked = AbortSignal.any([deps.signal, input.shutdown]);
  const stopAsked = aborted(asked);
  const stop = AbortSignal.any([asked, lost.signal]);
  const { sessionId, folder: projectDir } = work;
  const told = { client, timestamp, warn, lost: () => lost.abort() };
  const reporter = createReporter(told, { sessionId, projectDir });
  let { prompt, bound, threadId } = talk;
  for (;;) {
    const { ending, ...after } = await runTurn({ spawn, reporter, stop }, work, { prompt, bound, threadId });
    const failure = await delivered(deps, reporter, stopAsked);
    if (ending.ok && failure === undefined) answer(deps, talk, ending.result);
    else if (asked.aborted) return stopped(deps, failure);
    else return failed(talk, sessionId, failure ?? (ending.ok ? "" : ending.problem));
    if (talk.mode === "resume") return { kind: "done" };
    const next = await Promise.race([input.next(), stopAsked]);
    if (next === undefined) return stopped(deps);
    if (next.kind === "end") return { kind: "done" };
    if (next.kind === "broken") return { kind: "failed", problem: next.why };
    ({ bound, threadId } = after);
    prompt = laterPrompt(next.parameters);
  }
}

/** Tells the runner that the turn is over. */
function answer({ print, input }: ExecutorDeps, { mode, bare }: Talk, result: string): void {
  const short = cutTo(result, ANSWER_CHARS);
  const alone = mode === "resume" || (bare && input.ended());
  print(alone ? short : JSON.stringify({ type: "turn_complete", result: short }));
}

/** Waits until everything was taken, and not for long after a stop. Why not, if something was lost. */
async function delivered(
  { clock }: ExecutorDeps,
  reporter: Reporter,
  stopAsked: Promise<undefined>,
): Promise<string | undefined> {
  const late = Promise.withResolvers<undefined>();
  let cancel = (): void => undefined;
  let over = false;
  void stopAsked.then(() => over || (cancel = clock.after(LAST_WORDS_MS, () => late.resolve(undefined))));
  const failure = await Promise.race([reporter.done(), late.promise]);
  over = true;
  cancel();
  const left = reporter.waiting();
  return left > 0 ? `${left} events were not taken before the end` : failure;
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

/** The runner's own word ends it well; a signal does not. */
function stopped({ signal, warn }: ExecutorDeps, lost?: string): Ended {
  if (lost !== undefined) warn(`Warning: ${lost}`);
  return { kind: signal.aborted ? "stopped" : "done" };
}

function failed({ mode }: Talk, sessionId: string, problem: string): Ended {
  const what = mode === "start" ? "Start" : "Resume";
  return { kind: "failed", problem: `${what} failed for session '${sessionId}': ${problem}` };
}
