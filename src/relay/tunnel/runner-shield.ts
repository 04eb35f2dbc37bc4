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

/**
 * Keeps a runner alive through an outage (docs/contract.md, "Runners"): its poller gives up after three failures, about 3 s, and takes all its agents with it.
 * So a poll in an outage is answered 204 at its usual pace and a heartbeat 200, each marked `Rr-Answered-By: relay`; and a
 * coordinator that restarted and forgot its runners (401 "Runner not registered") gets the runner's registration again.
 */
export function shieldRunner(deps: {
  upstream: Upstream;
  clock: Clock;
  log: Logger;
  registrations: Registrations;
  leaving: Pick<Leaving, "heard" | "removeNow">;
  /** Is the coordinator known to be away? Then it is not asked. */
  away: () => boolean;
  /** Has the gate ask whether the coordinator is there, because something else answered. */
  doubt: () => void;
}): Upstream {
  const { upstream, clock, log, registrations, leaving } = deps;
  const ask = createAskWhole(deps);
  /** Status of the last answer that was not the coordinator's own. Undefined once the coordinator itself answers again. */
  let strange: number | undefined;

  function notCoordinators(status: number): void {
    deps.doubt();
    if (status === strange) return;
    strange = status;
    log.warn({ status }, "a runner got an answer that is not from the coordinator, and is kept alive");
  }

  /** A runner that polls does not leave, so a removal that was kept for it is dropped. */
  async function heard(runner: string | undefined): Promise<void> {
    if (runner === undefined) return;
    await leaving.heard(runner).catch((error: unknown) => {
      log.warn({ runner, err: errorText(error) }, "a runner's last contact could not be recorded");
    });
  }

  /** Keeps a registration. A failure to keep it must not prevent the runner's start. */
  async function keep(runner: string, body: Uint8Array): Promise<void> {
    await registrations.keep(runner, body).catch((error: unknown) => {
      log.warn({ runner, err: errorText(error) }, "the registration of a runner could not be saved");
    });
  }

  /** Registers a runner. If it comes back before its removal went out, the removal is carried out first, so that it is not refused as a duplicate of itself. */
  async function register(request: UpstreamRequest, signal: AbortSignal): Promise<Collected> {
    const answer = await ask(request, signal);
    const there = duplicateOf(answer);
    const again = there !== undefined && (await leaving.removeNow(there).catch(() => false));
    return again ? ask(request, signal) : answer;
  }

  async function serve(
    call: RunnerCall,
    request: UpstreamRequest,
    events: AnswerEvents,
    signal: AbortSignal,
  ): Promise<void> {
    const { kind } = call;
    const began = clock.now();
    const limitMs = kind === "heartbeat" ? HEARTBEAT_MS : undefined;
    if (kind === "register") {
      const answer = await register(request, signal);
      if (answer.kind === "answer" && answer.status < 300 && request.body instanceof Uint8Array) {
        const runner = runnerOf(answer.body);
        if (runner !== undefined) await keep(runner, request.body);
        await heard(runner);
      }
      return hand(answer, events);
    }
    const runner = call.kind === "poll" ? call.runner : runnerOf(bodyOf(request));
    void heard(runner);
    let answer = await ask(request, signal, limitMs);
    if (forgotten(answer) && runner !== undefined && (await registrations.again(runner)).kind === "known")
      answer = await ask(request, signal, limitMs);
    if (answer.kind === "answer") {
      if (!isCoordinatorsWord(answer)) notCoordinators(answer.status);
      else {
        strange = undefined;
        return hand(answer, events);
      }
    }
    if (kind === "heartbeat") return answerOurselves(events, 200, "OK", Buffer.from('{"ok":true}'));
    // Held until the coordinator is back; the runner then polls anew. Asking for it here could take as long again as the coordinator
    // holds a poll, and a run handed to a runner that gave up meanwhile would be lost.
    const end = began + POLL_MS;
    do await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve));
    while (!signal.aborted && deps.away() && clock.now() < end);
    if (!signal.aborted) answerOurselves(events, 204, "No Content", undefined);
  }

  return {
    call(request, events): UpstreamCall {
      const known = runnerCall(request.method, request.target);
      const streamed = request.body !== undefined && !(request.body instanceof Uint8Array);
      if (known === undefined || streamed || request.upgrade !== undefined)
        return upstream.call(request, events);
      const abort = new AbortController();
      serve(known, request, events, abort.signal).catch((error: unknown) =>
        events.failed("internal", String(error)),
      );
      return { resume() {}, abort: () => abort.abort() };
    },
    close: () => upstream.close(),
  };
}
