import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { Handouts } from "./handouts.ts";
import { runOf, runsOf, type ListedRun } from "./run-list.ts";
import type { Stops } from "./stops.ts";
import { isOver, wholeRun, wholeRunOf, type Whole } from "./whole-run.ts";

/** Longest list of runs that is read; a relay reads no longer one. The list holds the parameters of each run. */
const MAX_LIST_BYTES: number = 4 * 1024 * 1024;
/** How long a claimed run with a start hook is left alone, because the abandoned handler may still run the hook: its limit of 300 s, and some more. */
const HOOK_MS = 310_000;
/** Most runs with hooks that are remembered while they are left alone. */
const MAX_HOOKED = 100;

/** Asks the coordinator, with a POST if there is a body. Undefined if no answer came in time. */
export type Ask = (
  target: string,
  limits: { limitMs: number; bytes: number },
  body?: string,
) => Promise<{ status: number; body: Uint8Array } | undefined>;

/** What a broken poll of this runner had taken: one run, or all stop commands. */
export type Found =
  | { kind: "run"; run: string; session: string; body: Buffer }
  | { kind: "stops"; runs: string[]; body: string };

export type Ghosts = {
  /** Looks for at most `limitMs`. `waiting`: there is a run that must be left alone for now. */
  look(runner: string, limitMs: number): Promise<{ found: Found | undefined; waiting: boolean }>;
};

type Asking = (target: string, body?: string) => ReturnType<Ask>;

/** A run that can be given out, one that must wait, or one that can never be given out. */
type Claimed = Extract<Found, { kind: "run" }> | { kind: "waits" } | { kind: "lost" } | undefined;

/**
 * Finds runs and stop commands that broken polls took with them. The coordinator lets the handler of a broken poll run on, and what it takes reaches
 * no runner (docs/facts.md, "Coordinator"). Its lists show such a run: it is claimed for this runner, and was neither started nor given out here.
 */
// oxlint-disable-next-line max-lines-per-function -- the steps of one look, in their order, which share what they ask with
export function createGhosts(deps: {
  ask: Ask;
  handouts: Handouts;
  stops: Stops;
  clock: Clock;
  logger: Logger;
}): Ghosts {
  const { handouts, stops, clock, logger } = deps;
  /** When each run with a hook was first seen. */
  const hooked = new Map<string, number>();

  /** Is the hook of a run possibly still running? It may change the run or forbid it, so the run is not given out before. */
  function isLeftToHook(run: string): boolean {
    const seen = hooked.get(run) ?? clock.now();
    hooked.set(run, seen);
    const [oldest] = hooked.keys();
    if (hooked.size > MAX_HOOKED && oldest !== undefined) hooked.delete(oldest);
    return clock.now() - seen < HOOK_MS;
  }

  async function claimedRun(listed: ListedRun, ask: Asking): Promise<Claimed> {
    const { run, session, agent = "" } = listed;
    const told = await ask(`/runs/${encodeURIComponent(run)}`);
    // the run may have started while we asked, and the answer must be about the run that we asked for
    if (told?.status !== 200 || !isSame(runOf(told.body), listed)) return undefined;
    const status = await ask(`/sessions/${encodeURIComponent(session)}/status`);
    if (status?.status !== 200 || isOver(status.body)) return undefined;
    let whole: Whole = wholeRun(told.body);
    if (whole.kind === "needs_agent") {
      const found = await ask(`/agents/${encodeURIComponent(agent)}`);
      if (found?.status !== 200 && found?.status !== 404) return undefined;
      whole = wholeRunOf(told.body, found.status === 200 ? found.body : undefined);
    }
    if (whole.kind === "hooked" && isLeftToHook(run)) return { kind: "waits" };
    if (!handouts.mayGive(run)) return undefined; // another poll was faster
    const body = "answer" in whole ? whole.answer : undefined;
    return body === undefined ? { kind: "lost" } : { kind: "run", run, session, body };
  }

  /** Reports a run as failed, with the reason. It would never run, and its parent would wait for ever. */
  async function fail({ run, session, agent, runner }: ListedRun, ask: Asking): Promise<void> {
    handouts.giving(run, runner);
    const error = `The run was claimed by a poll whose connection broke before the answer arrived, and the coordinator does not give out the blueprint of agent ${agent} a second time. Start the run again.`;
    const answer = await ask(
      `/runner/runs/${encodeURIComponent(run)}/failed`,
      JSON.stringify({ runner_id: runner, error }),
    );
    if (answer === undefined || answer.status >= 300) handouts.takeBack(run);
    else handouts.reported(run, "failed");
    logger.warn(
      { run, session, agent, status: answer?.status },
      "reported a run as failed, because the poll that claimed it broke",
    );
  }

  return {
    async look(runner, limitMs) {
      const ask = askingFor(deps.ask, clock, limitMs);
      const [claimed, stopping] = await Promise.all([
        runsWith("claimed", runner, ask),
        runsWith("stopping", runner, ask),
      ]);
      let waiting = false;
      for (const listed of claimed.filter(({ run, started }) => !started && handouts.mayGive(run))) {
        const found = await claimedRun(listed, ask);
        if (found?.kind === "waits") waiting = true;
        else if (found?.kind === "lost") await fail(listed, ask);
        else if (found !== undefined) return { found, waiting };
      }
      const due = stopping.filter(({ run, session }) => stops.mayTell(run, session) && !handouts.ended(run));
      return { found: due.length === 0 ? undefined : stopAnswer(due), waiting };
    },
  };
}

/** Asks for `limitMs` in all; after that every answer is undefined. */
function askingFor(ask: Ask, clock: Clock, limitMs: number): Asking {
  const until = clock.now() + limitMs;
  return (target, body) => {
    const leftMs = until - clock.now();
    if (leftMs <= 0) return Promise.resolve(undefined);
    return ask(target, { limitMs: leftMs, bytes: MAX_LIST_BYTES }, body);
  };
}

/** The runner's runs with this status. */
async function runsWith(status: string, runner: string, ask: Asking): Promise<ListedRun[]> {
  const answer = await ask(`/runs?status=${status}`);
  if (answer?.status !== 200) return [];
  return (await runsOf(answer.body, runner)).filter((run) => run.status === status);
}

function isSame(run: ListedRun | undefined, listed: ListedRun): boolean {
  return (
    run?.run === listed.run &&
    run.session === listed.session &&
    run.runner === listed.runner &&
    run.agent === listed.agent &&
    run.status === "claimed" &&
    !run.started
  );
}

function stopAnswer(due: readonly ListedRun[]): Found {
  const sessions = new Set(due.map(({ session }) => session));
  return {
    kind: "stops",
    runs: due.map(({ run }) => run),
    body: JSON.stringify({ stop_sessions: [...sessions] }),
  };
}
