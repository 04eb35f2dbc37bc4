import type { Clock } from "../../shared/base/clock.ts";
import { rest } from "../../shared/base/rest.ts";
import { seemsGone } from "./answers.ts";
import type { Tried } from "./attempt.ts";
import type { Call } from "./call.ts";
import type { Ghosts } from "./ghosts.ts";
import { createPollAnswers, type PollAnswersDeps } from "./poll-answers.ts";
import { ANSWER_BY_MS, holdOn, isOurs, mayHaveArrived } from "./verdict.ts";
import type { Way } from "./way.ts";

/** How long a look for ghosts may take. The first poll of a runner must be over sooner. */
const LOOK_MS = 3000;
const FIRST_LOOK_MS = 1000;
/**
 * After a longer look the poll is not passed on, because the coordinator could hold it for longer than the runner waits (1 + 30 s < 31.8). The next
 * poll is passed on.
 */
const SLOW_LOOK_MS = 1000;

export type PollDeps = PollAnswersDeps & {
  /** Passes the call on once, for at most this long. */
  attempt: (call: Call, limitMs: number) => Promise<Tried>;
  way: Way;
  ghosts: Ghosts;
  clock: Clock;
};

/** Serves the polls of runners. */
export function createPolls(deps: PollDeps): (call: Call, runner: string | undefined) => Promise<void> {
  const { way, suspicion, handouts, clock } = deps;
  const answers = createPollAnswers(deps);

  return async function serve(call, runner) {
    if (call.ended !== undefined) return answers.finish(call, call.ended);
    if (runner !== undefined && (await served(call, runner))) return;
    const failed = way.broken ? "way_broken" : await passOn(call, runner);
    if (failed === undefined) return;
    await hold(call, deps);
    answers.finish(call, failed);
  };

  /** Looks for what broken polls left behind, before this one is passed on. True: the poll is answered with it. */
  async function served(call: Call, runner: string): Promise<boolean> {
    const first = suspicion.isFirst(runner);
    if (way.broken || !suspicion.lookNow(runner)) {
      if (first) answers.finish(call, "first");
      return first;
    }
    const began = clock.now();
    const looked = await orEnded(call, deps.ghosts.look(runner, first ? FIRST_LOOK_MS : LOOK_MS));
    suspicion.looked(runner);
    const found = looked?.found;
    if (looked?.waiting === true) suspicion.goOn(runner);
    // another poll may have found the same at the same time
    const given = found?.kind === "run" && !handouts.mayGive(found.run);
    if (found !== undefined && !given && call.ended === undefined && !seemsGone(call.response)) {
      await answers.give(call, runner, found);
      return true;
    }
    if (first) answers.finish(call, "first");
    else if (call.ended !== undefined) answers.finish(call, call.ended);
    else if (clock.now() - began > SLOW_LOOK_MS) {
      await hold(call, deps);
      answers.finish(call, "slow_look");
    } else return false;
    return true;
  }

  /** Passes the poll on. Returns why it must be held, if it was not answered. */
  async function passOn(call: Call, runner: string | undefined): Promise<string | undefined> {
    const tried = await deps.attempt(call, call.began + ANSWER_BY_MS - clock.now());
    const broken = (): void => {
      if (runner !== undefined) suspicion.aroused(runner);
    };
    switch (tried.kind) {
      case "answer":
        await answers.handOn(call, runner, tried.answer);
        return undefined;
      case "passing":
        return undefined;
      case "late":
        broken();
        return "late";
      case "ended":
        broken();
        return call.ended ?? "left";
      case "failed":
        if (mayHaveArrived(tried.code)) broken();
        if (isOurs(tried.code)) return tried.code;
        deps.handOn(call, tried);
        return undefined;
    }
  }
}

/**
 * Holds the poll until broker and relay are back, and then ends it, so that the runner polls anew. Passing on the old poll could bring a run at a
 * time when the runner has given up waiting.
 */
async function hold(call: Call, { clock, way }: PollDeps): Promise<void> {
  for (;;) {
    const ms = call.ended === undefined ? holdOn(clock.now() - call.began, !way.broken) : 0;
    if (ms === 0) return;
    await rest(clock, ms, call.signal);
  }
}

/** The value, or undefined if the call ends before it is there. */
async function orEnded<Value>({ signal }: Call, value: Promise<Value>): Promise<Value | undefined> {
  const ended = Promise.withResolvers<undefined>();
  const end = (): void => ended.resolve(undefined);
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
  try {
    return await Promise.race([value, ended.promise]);
  } finally {
    signal.removeEventListener("abort", end);
  }
}
