import { answerOurselves, NOTHING_TO_DO, seemsGone, wentOut, type OwnAnswer } from "./answers.ts";
import type { Answer, Tried } from "./attempt.ts";
import type { Call } from "./call.ts";
import type { Found } from "./ghosts.ts";
import type { Handouts } from "./handouts.ts";
import { givenOutBy } from "./run-list.ts";
import type { Stops } from "./stops.ts";
import type { Suspicion } from "./suspicion.ts";

export type PollAnswersDeps = {
  /** Hands an answer, or a failure, on as it came. */
  handOn: (call: Call, tried: Extract<Tried, { kind: "answer" | "failed" }>) => void;
  suspicion: Suspicion;
  handouts: Handouts;
  stops: Stops;
  /** Remembers which session a run belongs to. */
  know: (run: string, session: string) => void;
  /** Counts and logs an answer that the gateway gave itself. */
  answered: (call: Call, what: "poll" | "run" | "stop", fields: Record<string, unknown>) => void;
};

/** Answers polls, and remembers what was given to a runner, so that it is found again if the answer does not arrive. */
export type PollAnswers = {
  /** Ends a poll with 204. A runner lives as long as its polls end like this. */
  finish(call: Call, why: string): void;
  /** Hands on the coordinator's own answer. */
  handOn(call: Call, runner: string | undefined, answer: Answer): Promise<void>;
  /** Answers the poll with what a broken one had taken. */
  give(call: Call, runner: string, found: Found): Promise<void>;
};

export function createPollAnswers(deps: PollAnswersDeps): PollAnswers {
  const { suspicion, handouts, stops } = deps;

  function finish(call: Call, why: string): void {
    if (answerOurselves(call.response, NOTHING_TO_DO)) deps.answered(call, "poll", { why });
  }

  async function handOn(call: Call, runner: string | undefined, answer: Answer): Promise<void> {
    const { run: told, stops: sessions } =
      answer.status === 200 ? await givenOutBy(answer.body) : { run: undefined, stops: [] };
    if (told !== undefined) deps.know(told.run, told.session);
    if (isOfRelay(answer) && runner !== undefined) suspicion.aroused(runner);
    if (runner === undefined || (told === undefined && sessions.length === 0))
      return deps.handOn(call, { kind: "answer", answer });
    if (told !== undefined && handouts.justGiven(told.run)) return finish(call, "given_already");
    if (seemsGone(call.response)) {
      suspicion.aroused(runner);
      return finish(call, "client_gone");
    }
    if (told !== undefined) handouts.giving(told.run, runner);
    stops.told(sessions);
    deps.handOn(call, { kind: "answer", answer });
    await settle(call, runner, told?.run, sessions);
  }

  async function give(call: Call, runner: string, found: Found): Promise<void> {
    suspicion.found(runner);
    const answer: OwnAnswer = { status: 200, body: found.body };
    if (found.kind === "run") {
      const { run, session } = found;
      deps.know(run, session);
      handouts.giving(run, runner);
      if (answerOurselves(call.response, answer)) deps.answered(call, "run", { run, session });
      return settle(call, runner, run, []);
    }
    const { runs } = found;
    stops.tell(runs);
    if (answerOurselves(call.response, answer)) deps.answered(call, "stop", { runs });
    return settle(call, runner, undefined, runs);
  }

  /** Waits until the answer went out, or takes back what it would have given. */
  async function settle(
    { response }: Call,
    runner: string,
    run: string | undefined,
    stopped: readonly string[],
  ): Promise<void> {
    if (await wentOut(response)) {
      if (run !== undefined) handouts.given(run);
      return;
    }
    if (run !== undefined) handouts.takeBack(run);
    stops.takeBack(stopped);
    suspicion.aroused(runner);
  }

  return { finish, handOn, give };
}

/** Did the relay answer for the coordinator? Then its own poll broke. */
function isOfRelay({ headers }: Answer): boolean {
  return headers.some(
    (name, i) => i % 2 === 0 && name.toLowerCase() === "rr-answered-by" && headers[i + 1] === "relay",
  );
}
