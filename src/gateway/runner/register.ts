import type { Clock } from "../../shared/base/clock.ts";
import { rest } from "../../shared/base/rest.ts";
import { answerOurselves, registeredAs } from "./answers.ts";
import type { Answer, Tried } from "./attempt.ts";
import type { Call } from "./call.ts";
import {
  duplicateRunner,
  MAX_REGISTERED_BYTES,
  registeredRunner,
  type Registrations,
} from "./registrations.ts";
import { afterFailedRegister, ANSWER_BY_MS, isOurs, mayHaveArrived } from "./verdict.ts";
import type { Way } from "./way.ts";

/** Between two tries, and between two looks whether broker and relay are back. */
const RETRY_MS = 500;

/** What the coordinator said to a registration, or would have said. */
export type Told = (status: number, body: Uint8Array) => void;

export type RegisterDeps = {
  attempt: (call: Call, limitMs: number) => Promise<Tried>;
  handOn: (call: Call, tried: Extract<Tried, { kind: "answer" | "failed" }>) => void;
  way: Way;
  registrations: Registrations;
  /** A new process of the runner registered. */
  registered: (runner: string) => void;
  stopping: () => boolean;
  answered: (call: Call, what: "register", fields: Record<string, unknown>) => void;
  clock: Clock;
};

/** Serves registrations. A runner registers once and ends if that fails, so we try again for it. */
export function createRegisters(deps: RegisterDeps): (call: Call, told: Told) => Promise<void> {
  const { way, registrations, clock } = deps;

  /** Gives our own answer; `why` says for the log what had failed. */
  function answerKnown(call: Call, told: Told, answer: string, why: string): void {
    const body = Buffer.from(answer);
    told(200, body);
    const runner = registeredRunner(body);
    if (runner !== undefined) deps.registered(runner);
    if (answerOurselves(call.response, { status: 200, body: answer }))
      deps.answered(call, "register", { why, runner });
  }

  function take(call: Call, told: Told, answer: Answer, again: boolean): void {
    const { status, body } = answer;
    const runner = status < 300 ? registeredRunner(body) : undefined;
    const ours = again && status === 409 ? duplicateRunner(body) : undefined;
    if (runner !== undefined) {
      deps.registered(runner);
      if (body.length <= MAX_REGISTERED_BYTES)
        registrations.keep(call.body, Buffer.from(body).toString("utf8"));
    }
    if (ours === undefined) {
      told(status, body);
      return deps.handOn(call, { kind: "answer", answer });
    }
    const known = registeredAs(ours);
    registrations.keep(call.body, known);
    answerKnown(call, told, known, "answer_lost");
  }

  return async (call, told) => {
    /** True once an earlier try may have been carried out. A refusal as a duplicate is then about that try. */
    let again = false;
    for (;;) {
      const tried: Tried = way.broken
        ? {
            kind: "failed",
            code: "relay_unavailable",
            detail: "no relay is available to forward the request",
          }
        : await deps.attempt(call, call.began + ANSWER_BY_MS - clock.now());
      if (tried.kind === "passing" || tried.kind === "ended") return;
      if (tried.kind === "answer") return take(call, told, tried.answer, again);
      const failed =
        tried.kind === "failed"
          ? tried
          : ({ kind: "failed", code: "relay_lost", detail: "no answer came in time" } as const);
      if (!isOurs(failed.code)) return deps.handOn(call, failed);
      again ||= mayHaveArrived(failed.code);
      const known = registrations.find(call.body);
      const elapsedMs = clock.now() - call.began;
      switch (afterFailedRegister({ elapsedMs, known: known !== undefined, stopping: deps.stopping() })) {
        case "answer_known":
          return answerKnown(call, told, known ?? "", failed.code);
        case "give_up":
          return deps.handOn(call, failed);
        case "try_again":
          await rest(clock, RETRY_MS, call.signal);
          if (call.ended !== undefined) return;
      }
    }
  };
}
