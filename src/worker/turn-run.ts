import type { AgentEnd, AgentEvents, AgentWish, Answer, Archive, TurnAsked } from "../agents/agent.ts";
import type { Clock } from "../shared/base/clock.ts";
import { errorText } from "../shared/base/errors.ts";
import { createCoalescer } from "../shared/session-log/append/coalescer.ts";
import type { Put } from "../shared/session-log/append/put.ts";
import { createBacklog } from "./backlog.ts";
import { failureOf } from "./failure.ts";
import type { TurnAgent } from "../guard/children.ts";
import { createQuestions, type Questions } from "./questions.ts";
import type { Voice } from "./voice.ts";

/** A turn that runs. */
export type TurnRun = {
  turn: string;
  /** How much its agent may do unasked, as it began. */
  mode: string | undefined;
  /** Ends it as cancelled. */
  cancel(): void;
  /** The log has a decision that counts. Hands it to the agent once that is said, once. */
  decide(request: string, answer: Answer): void;
  /** Tells the agent what a client wants of it. */
  wish(wish: AgentWish): void;
  /** Ends it without a word: another owner says what became of it. Or `interrupted`, by an owner that leaves. */
  leave(how: "silent" | "interrupted"): void;
  /** Settles when the agent has ended, and the turn's end is in the log where that is ours to say: with that end, for the log of this process. */
  over: Promise<{ outcome: string; code?: string }>;
};

/** Why a turn ends that its agent did not end. `silent`: nothing can be said of it any more. */
type Ending = "cancelled" | "interrupted" | "silent" | "full" | "late";

type RunDeps = {
  agent: TurnAgent;
  voice: Voice;
  clock: Clock;
  random: () => string;
  /** Longest turn. */ maxTurnMs: number;
  archive?: Archive;
};

/** Starts an agent on a turn that the log has as started. `random` makes the names of questions. */
export function runTurn(deps: RunDeps, turn: TurnAsked): TurnRun {
  const { agent, voice } = deps;
  const ended = new AbortController();
  const questions = createQuestions();
  let ending: Ending | undefined;

  function stop(how: Ending): void {
    if (how === "silent") ending = how;
    ending ??= how;
    questions.refuse();
    ended.abort();
  }

  let over = false;
  const closed = (): boolean => over || ending === "silent";
  const speaking = { turn: turn.turn, ended: ended.signal, questions, stop, closed };
  const { events, wish, flush, failure } = speaker(deps, speaking);

  const cancelLimit = deps.clock.after(deps.maxTurnMs, () => stop("late"));

  async function run(): Promise<{ outcome: string; code?: string }> {
    const end = await agent
      .run(turn, events, ended.signal)
      .catch((error: unknown): AgentEnd => ({ outcome: "failed", data: { message: errorText(error) } }));
    over = true;
    cancelLimit();
    flush();
    if (ending === "silent") return { outcome: "silent" };
    questions.refuse();
    ended.abort();
    const last = questions.takeAll().map((request) => {
      const resolved = { request_id: request, allowed: false, resolved_by: ending ?? "turn" };
      return voice.say("permission_resolved", resolved, turn.turn);
    });
    // what cannot be said any more is said by the next owner
    const data = endOf(ending, end, failure());
    await Promise.allSettled([...last, voice.say("turn_ended", data, turn.turn)]);
    const { outcome, code } = data;
    return { outcome: String(outcome), ...(typeof code === "string" ? { code } : {}) };
  }

  return {
    turn: turn.turn,
    mode: turn.mode,
    cancel: () => stop("cancelled"),
    leave: stop,
    wish,
    decide(request, decided) {
      const answer = questions.take(request);
      if (answer !== undefined)
        void sayDecision(voice, { turn: turn.turn, request, ended: ended.signal }, decided).then(answer);
    },
    over: run(),
  };
}

/** Says what was decided, and only then what the agent may do. */
async function sayDecision(
  voice: Voice,
  { turn, request, ended }: { turn: string; request: string; ended: AbortSignal },
  { allow, message, remember }: Answer,
): Promise<Answer> {
  const words = message === undefined ? {} : { message };
  const resolved = { request_id: request, allowed: allow, resolved_by: "user", ...words };
  const put = await voice.say("permission_resolved", resolved, turn).catch(() => undefined);
  const counts = put?.kind === "stored" && allow && !ended.aborted;
  return { allow: counts, ...words, ...(remember === true ? { remember } : {}) };
}

/** What an agent has to report with. `stop` is called when the log does not take it. */
function speaker(
  { voice, clock, random, archive }: RunDeps,
  of: {
    turn: string;
    ended: AbortSignal;
    questions: Questions;
    stop: (how: Ending) => void;
    closed: () => boolean;
  },
): {
  events: AgentEvents;
  wish: (it: AgentWish) => void;
  flush: () => void;
  failure: () => Record<string, unknown> | undefined;
} {
  const { turn, ended, questions, stop } = of;
  let failure: Record<string, unknown> | undefined;
  const heard = (put: Put): void => {
    if (put.kind === "overtaken") stop("silent");
    if (put.kind === "refused" && put.full) stop("full");
  };
  const backlog = createBacklog(ended);
  const say = (kind: string, data: Record<string, unknown>): void => {
    // nothing is said of a turn behind its end
    if (!ended.aborted) backlog.add(voice.say(kind, data, turn).then(heard, () => stop("silent")));
  };
  const pieces = createCoalescer(clock, (key, text) => {
    const [type = "text", block = "0"] = key.split(" ", 2);
    say(type, { text, block });
  });
  const tell = (kind: string, data: Record<string, unknown>): void => {
    pieces.flush();
    if (kind === "error") failure ??= failureOf(data);
    say(kind, data);
  };
  let unheard: AgentWish[] = [];
  let hear = (wish: AgentWish): void => void unheard.push(wish);
  return {
    wish: (it) => hear(it),
    flush: () => pieces.flush(),
    failure: () => failure,
    events: {
      piece: (type, block, text) => pieces.delta(`${type} ${block}`, text),
      tell,
      room: () => backlog.room(),
      ask(data) {
        const request = random();
        const answer = questions.wait(request);
        tell("permission_request", { ...data, request_id: request });
        return answer;
      },
      hear(listener) {
        hear = listener;
        for (const it of unheard) listener(it);
        unheard = [];
      },
      archive: archive && openArchive(archive, of.closed),
    },
  };
}

/** What is interrupted may still be remembered, but nothing is behind the turn's end. */
function openArchive(archive: Archive, closed: () => boolean): Archive {
  const add: Archive["add"] = (part) =>
    closed() ? Promise.reject(new Error("the turn is over")) : archive.add(part);
  return { ...archive, add };
}

/** A turn whose agent met an error that it did not recover from has failed, whatever it says at the end. */
function endOf(
  ending: Ending | undefined,
  { outcome, data }: AgentEnd,
  failure: Record<string, unknown> | undefined,
): Record<string, unknown> {
  if (ending === "full") return { outcome: "failed", code: "sessions_full" };
  if (ending === "late") return { outcome: "failed", code: "turn_timeout" };
  if (ending !== undefined) return { outcome: ending };
  return failure === undefined ? { outcome, ...data } : { ...data, ...failure, outcome: "failed" };
}
