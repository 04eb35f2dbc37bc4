import type { Clock } from "../../shared/base/clock.ts";
import { rest } from "../../shared/base/rest.ts";
import { answerOurselves, NOTHING_TO_DO, seemsGone, wentOut, type OwnAnswer } from "./answers.ts";
import type { Answer, Tried } from "./attempt.ts";
import type { Call } from "./call.ts";
import type { Found, Ghosts } from "./ghosts.ts";
import type { Handouts } from "./handouts.ts";
import { givenOutBy } from "./run-list.ts";
import type { Stops } from "./stops.ts";
import type { Suspicion } from "./suspicion.ts";
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

export type PollDeps = {
  /** Passes the call on once, for at most this long. */
  attempt: (call: Call, limitMs: number) => Promise<Tried>;
  /** Hands an answer, or a failure, on as it came. */
  handOn: (call: Call, tried: Extract<Tried, { kind: "answer" | "failed" }>) => void;
  way: Way;
  suspicion: Suspicion;
  ghosts: Ghosts;
  handouts: Handouts;
  stops: Stops;
  /** Remembers which session a run belongs to. */
  know: (run: string, session: string) => void;
  /** Counts and logs an answer that the gateway gave itself. */
  answered: (call: Call, what: "poll" | "run" | "stop", fields: Record<string, unknown>) => void;
  clock: Clock;
};

/** Serves the polls of runners. */
export function createPolls(deps: PollDeps): (call: Call, runner: string | undefined) => Promise<void> {
  const { way, suspicion, handouts, stops, clock } = deps;

  /** Ends a poll with 204. A runner lives as long as its polls end like this. */
  function finish(call: Call, why: string): void {
    const { response } = call;
    if (answerOurselves(response, NOTHING_TO_DO)) deps.answered(call, "poll", { why });
  }

  async function serve(call: Call, runner: string | undefined): Promise<void> {
    if (call.ended !== undefined) return finish(call, call.ended);
    if (runner !== undefined && (await served(call, runner))) return;
    const failed = way.broken ? "way_broken" : await passOn(call, runner);
    if (failed === undefined) return;
    await hold(call);
    finish(call, failed);
  }

  /** Looks for what broken polls left behind, before this one is passed on. True: the poll is answered with it. */
  async function served(call: Call, runner: string): Promise<boolean> {
    const first = suspicion.isFirst(runner);
    if (way.broken || !suspicion.lookNow(runner)) {
      if (first) finish(call, "first");
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
      await give(call, runner, found);
      return true;
    }
    if (first) finish(call, "first");
    else if (call.ended !== undefined) finish(call, call.ended);
    else if (clock.now() - began > SLOW_LOOK_MS) {
      await hold(call);
      finish(call, "slow_look");
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
        await handOn(call, runner, tried.answer);
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

  /**
   * Holds the poll until broker and relay are back, and then ends it, so that the runner polls anew. Passing on the old poll could bring a run at a
   * time when the runner has given up waiting.
   */
  async function hold(call: Call): Promise<void> {
    for (;;) {
      const ms = call.ended === undefined ? holdOn(clock.now() - call.began, !way.broken) : 0;
      if (ms === 0) return;
      await rest(clock, ms, call.signal);
    }
  }

  /** Hands on the coordinator's own answer. A run in it is remembered, so that it is found again if the answer does not arrive. */
  async function handOn(call: Call, runner: string | undefined, answer: Answer): Promise<void> {
    const { response } = call;
    const { run: told, stops: sessions } =
      answer.status === 200 ? await givenOutBy(answer.body) : { run: undefined, stops: [] };
    if (told !== undefined) deps.know(told.run, told.session);
    if (isOfRelay(answer) && runner !== undefined) suspicion.aroused(runner);
    if (runner === undefined || (told === undefined && sessions.length === 0))
      return deps.handOn(call, { kind: "answer", answer });
    if (told !== undefined && handouts.justGiven(told.run)) return finish(call, "given_already");
    if (seemsGone(response)) {
      suspicion.aroused(runner);
      return finish(call, "client_gone");
    }
    if (told !== undefined) handouts.giving(told.run, runner);
    stops.told(sessions);
    deps.handOn(call, { kind: "answer", answer });
    await settle(call, runner, told?.run, sessions);
  }

  /** Answers the poll with what a broken one had taken. */
  async function give(call: Call, runner: string, found: Found): Promise<void> {
    const { response } = call;
    suspicion.found(runner);
    const answer: OwnAnswer = { status: 200, body: found.body };
    if (found.kind === "run") {
      deps.know(found.run, found.session);
      handouts.giving(found.run, runner);
    } else stops.tell(found.runs);
    if (answerOurselves(response, answer)) {
      const fields = found.kind === "run" ? { run: found.run, session: found.session } : { runs: found.runs };
      deps.answered(call, found.kind === "run" ? "run" : "stop", fields);
    }
    await settle(
      call,
      runner,
      found.kind === "run" ? found.run : undefined,
      found.kind === "run" ? [] : found.runs,
    );
  }

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

  return serve;
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

/** Did the relay answer for the coordinator? Then its own poll broke. */
function isOfRelay({ headers }: Answer): boolean {
  return headers.some(
    (name, i) => i % 2 === 0 && name.toLowerCase() === "rr-answered-by" && headers[i + 1] === "relay",
  );
}
