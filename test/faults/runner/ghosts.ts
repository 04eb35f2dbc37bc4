import type { TestCoordinator } from "../../support/coordinator.ts";
import { startProcesses, type Processes } from "../processes.ts";
import { IDENTITY, startCrew, until, type Crew, type Job } from "./crew.ts";
import { coordinatorOf, type Play } from "./play.ts";
import { judgeCrew } from "./verdict.ts";

/** A runner polls anew within this when relay and gateway are there. */
const POLLED_MS = 5000;
/** A poll that is held takes a new run within this. */
const TAKEN_MS = 200;
/** A run that a ghost poll took is handed out within this, or never. */
const FOUND_MS = 60_000;

/**
 * Polls are broken by kills of relay and broker, and while the coordinator's handler goes on, a run is made: the handler takes it
 * for nobody. Each must be executed all the same, once. (Kills of the gateway do the same in a play of their own: a machine under load
 * may need longer for its start than a runner waits.)
 */
export async function ghosts(play: Play & { runs: number }): Promise<void> {
  const { name, report } = play;
  await using coordinator = await coordinatorOf(play);
  await using processes = await startProcesses(coordinator.url, { env: IDENTITY, dir: play.dir });
  await using crew = await startCrew(coordinator, processes.gateway.url());
  const taken: Job[] = [];
  const others: Job[] = [];
  for (let round = 0; taken.length < play.runs && round < 2 * play.runs; round++) {
    if (crew.runner.died() !== undefined) break;
    const { job, ghost } = await breakPoll(coordinator, processes, round);
    (ghost ? taken : others).push(job);
  }
  const jobs = [...taken, ...others];
  const begun = (): number => taken.filter(({ sessionId }) => crew.agents.has(sessionId)).length;
  await until(() => begun() === taken.length || crew.runner.died() !== undefined, FOUND_MS);
  report.check(
    `${name}: runs taken by ghost polls`,
    taken.length === play.runs,
    `${taken.length} of ${play.runs}, and ${others.length} others`,
  );
  await finishAll(crew, jobs);
  await judgeCrew(play, coordinator, crew, jobs);
  const executed = taken.filter((job) => statusOf(coordinator, job) === "completed").length;
  report.check(`${name}: of them executed`, executed === play.runs, `${executed} of ${play.runs}`);
  const starts = taken.map(({ runId }) => startsOf(coordinator, runId));
  const twice = starts.filter((count) => count > 1).length;
  report.check(`${name}: none was begun twice`, twice === 0, `${twice} were`);
}

/**
 * Kills relay or broker while a poll is held, and makes a run before the next poll comes. `ghost`: the poll without a client took it. That is seen at once,
 * because the next poll may hand it out before it reaches the coordinator.
 */
async function breakPoll(
  coordinator: TestCoordinator,
  { relays, broker }: Processes,
  round: number,
): Promise<{ job: Job; ghost: boolean }> {
  const ofRelay = round % 4 === 0; // a broker is back sooner
  await (ofRelay ? relays[0]?.kill9() : broker.kill9());
  const job = coordinator.createSession();
  const polls = coordinator.state.polls.begun();
  const ghost = await until(() => statusOf(coordinator, job) === "claimed", TAKEN_MS);
  await (ofRelay ? relays[0]?.ready() : broker.restart());
  await until(() => coordinator.state.polls.begun() > polls, POLLED_MS);
  return { job, ghost };
}

/** Agents that begin late are told as well. */
async function finishAll(crew: Crew, jobs: readonly Job[]): Promise<void> {
  const left = new Set(jobs);
  await until(() => {
    const begun = Array.from(left).filter(({ sessionId }) => crew.agents.has(sessionId));
    crew.finish(begun);
    for (const job of begun) left.delete(job);
    return left.size === 0 || crew.runner.died() !== undefined;
  }, POLLED_MS);
}

function statusOf(coordinator: TestCoordinator, { runId }: Job): string | undefined {
  return coordinator.state.runs.get(runId)?.status;
}

function startsOf(coordinator: TestCoordinator, runId: string): number {
  return coordinator
    .writes()
    .filter(({ path, applied, repeat }) => path.endsWith(`/${runId}/started`) && applied && !repeat).length;
}
