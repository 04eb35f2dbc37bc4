import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { errorText } from "../../shared/base/errors.ts";
import { runnerCall, usableRunnerId, type RunnerCall } from "../../shared/messages/runner-call.ts";
import { readAnswerObject } from "../coordinator/answer-body.ts";
import type { Leaving, Registrations } from "../registrations/index.ts";
import { answerOurselves, createAskWhole, hand } from "./ask-whole.ts";
import type { Collected } from "./collect.ts";
import type { AnswerEvents } from "../coordinator/answer-events.ts";
import type { Upstream, UpstreamCall, UpstreamRequest } from "./upstream.ts";
import { isCoordinatorsWord, isForgotten } from "../coordinator/whose-word.ts";

/** The coordinator answers a poll without work after this time, and so do we. */
const POLL_MS = 30_000;
/** How long the coordinator may take for a heartbeat. A gateway answers by itself after 3 s, and a coordinator that hangs counts as away. */
const HEARTBEAT_MS = 2500;
/** Between two looks for the coordinator while a poll is held. It is also how long a poll is held if the coordinator fails without being away. */
const LOOK_MS = 1000;

/** The runner that is there already, according to a refused registration. */
function duplicateOf(answer: Collected): string | undefined {
  if (answer.kind !== "answer" || answer.status !== 409) return undefined;
  const detail = readAnswerObject(answer.body)?.["detail"];
  if (typeof detail !== "object" || detail === null || !("runner_id" in detail)) return undefined;
  return "error" in detail && detail.error === "duplicate_runner"
    ? usableRunnerId(detail.runner_id)
    : undefined;
}

/** `runner_id` of a JSON body. */
function runnerOf(body: Uint8Array): string | undefined {
  return usableRunnerId(readAnswerObject(body)?.["runner_id"]);
}

function bodyOf(request: UpstreamRequest): Uint8Array {
  return request.body instanceof Uint8Array ? request.body : new Uint8Array();
}

function forgotten(answer: Collected): boolean {
  return answer.kind === "answer" && isForgotten(answer);
}

export type ShieldDeps = {
  upstream: Upstream;
  clock: Clock;
  log: Logger;
  registrations: Registrations;
  leaving: Pick<Leaving, "heard" | "removeNow">;
  /** Is the coordinator known to be away? Then it is not asked. */
  away: () => boolean;
  /** Has the gate ask whether the coordinator is there, because something else answered. */
  doubt: () => void;
};

type Shield = {
  deps: ShieldDeps;
  ask: ReturnType<typeof createAskWhole>;
  /** Status of the last answer that was not the coordinator's own. Undefined once the coordinator itself answers again. */
  strange: number | undefined;
};

/** A call of a runner that is under way. `signal` aborts when the runner no longer waits for it. */
type Served = { request: UpstreamRequest; events: AnswerEvents; signal: AbortSignal };

function noteStranger(shield: Shield, status: number): void {
  const { doubt, log } = shield.deps;
  doubt();
  if (status === shield.strange) return;
  shield.strange = status;
  log.warn({ status }, "a runner got an answer that is not from the coordinator, and is kept alive");
}

/** A runner that polls does not leave, so a removal that was kept for it is dropped. */
async function heard({ leaving, log }: ShieldDeps, runner: string | undefined): Promise<void> {
  if (runner === undefined) return;
  await leaving.heard(runner).catch((error: unknown) => {
    log.warn({ runner, err: errorText(error) }, "a runner's last contact could not be recorded");
  });
}

/** Keeps a registration. A failure to keep it must not prevent the runner's start. */
async function keep({ registrations, log }: ShieldDeps, runner: string, body: Uint8Array): Promise<void> {
  await registrations.keep(runner, body).catch((error: unknown) => {
    log.warn({ runner, err: errorText(error) }, "the registration of a runner could not be saved");
  });
}

/** Registers a runner. If it comes back before its removal went out, the removal is carried out first, so that it is not refused as a duplicate of itself. */
async function register({ deps, ask }: Shield, { request, events, signal }: Served): Promise<void> {
  let answer = await ask(request, signal);
  const there = duplicateOf(answer);
  const again = there !== undefined && (await deps.leaving.removeNow(there).catch(() => false));
  if (again) answer = await ask(request, signal);
  if (answer.kind === "answer" && answer.status < 300 && request.body instanceof Uint8Array) {
    const runner = runnerOf(answer.body);
    if (runner !== undefined) await keep(deps, runner, request.body);
    await heard(deps, runner);
  }
  hand(answer, events);
}

/**
 * Holds a poll until the coordinator is back; the runner then polls anew. Asking for it here could take as long again as the coordinator
 * holds a poll, and a run handed to a runner that gave up meanwhile would be lost.
 */
async function holdPoll(
  { clock, away }: ShieldDeps,
  { events, signal }: Served,
  began: number,
): Promise<void> {
  const end = began + POLL_MS;
  do await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve));
  while (!signal.aborted && away() && clock.now() < end);
  if (!signal.aborted) answerOurselves(events, 204, "No Content", undefined);
}

/** Serves a poll or a heartbeat: by the coordinator's own answer, or by ours. */
async function keepAlive(shield: Shield, call: RunnerCall, served: Served): Promise<void> {
  const { deps, ask } = shield;
  const { request, events, signal } = served;
  const began = deps.clock.now();
  const limitMs = call.kind === "heartbeat" ? HEARTBEAT_MS : undefined;
  const runner = call.kind === "poll" ? call.runner : runnerOf(bodyOf(request));
  void heard(deps, runner);
  let answer = await ask(request, signal, limitMs);
  if (forgotten(answer) && runner !== undefined && (await deps.registrations.again(runner)).kind === "known")
    answer = await ask(request, signal, limitMs);
  if (answer.kind === "answer") {
    if (isCoordinatorsWord(answer)) {
      shield.strange = undefined;
      return hand(answer, events);
    }
    noteStranger(shield, answer.status);
  }
  if (call.kind === "heartbeat") return answerOurselves(events, 200, "OK", Buffer.from('{"ok":true}'));
  await holdPoll(deps, served, began);
}

/**
 * Keeps a runner alive through an outage (docs/contract.md, "Runners"): its poller gives up after three failures, about 3 s, and takes all its agents with it.
 * So a poll in an outage is answered 204 at its usual pace and a heartbeat 200, each marked `Rr-Answered-By: relay`; and a
 * coordinator that restarted and forgot its runners (401 "Runner not registered") gets the runner's registration again.
 */
export function shieldRunner(deps: ShieldDeps): Upstream {
  const { upstream } = deps;
  const shield: Shield = { deps, ask: createAskWhole(deps), strange: undefined };
  return {
    call(request, events): UpstreamCall {
      const known = runnerCall(request.method, request.target);
      const streamed = request.body !== undefined && !(request.body instanceof Uint8Array);
      if (known === undefined || streamed || request.upgrade !== undefined)
        return upstream.call(request, events);
      const abort = new AbortController();
      const served: Served = { request, events, signal: abort.signal };
      const serving = known.kind === "register" ? register(shield, served) : keepAlive(shield, known, served);
      serving.catch((error: unknown) => events.failed("internal", String(error)));
      return { resume() {}, abort: () => abort.abort() };
    },
    close: () => upstream.close(),
  };
}
