import type { Clock } from "../../shared/base/clock.ts";
import { collect, type Collected } from "./collect.ts";
import type { AnswerEvents } from "../coordinator/answer-events.ts";
import type { Upstream, UpstreamRequest } from "./upstream.ts";

/** An answer that is read whole must end within this time after its head was due, because the runner waits no longer. */
const WHOLE_MS = 10_000;
const ANSWERED_BY = ["Rr-Answered-By", "relay"];
const JSON_TYPE: readonly string[] = ["content-type", "application/json"];

/** Sends a request of a runner and reads its whole answer. */
export type AskWhole = (
  request: UpstreamRequest,
  signal: AbortSignal,
  limitMs?: number,
) => Promise<Collected>;

export function createAskWhole(deps: {
  upstream: Upstream;
  clock: Clock;
  /** Is the coordinator known to be away? Then it is not asked. */
  away: () => boolean;
}): AskWhole {
  const { upstream, clock } = deps;
  return async (request, signal, limitMs = request.headLimitMs + WHOLE_MS) => {
    if (deps.away())
      return {
        kind: "failed",
        code: "coordinator_unreachable",
        text: "Failed to connect to Agent Coordinator: it is away",
      };
    const { result, call } = collect(upstream, request);
    const stop = (): void => call.abort();
    signal.addEventListener("abort", stop, { once: true });
    const late = Promise.withResolvers<Collected>();
    const cancel = clock.after(limitMs, () => {
      stop();
      late.resolve({ kind: "failed", code: "coordinator_timeout", text: "no answer in time" });
    });
    try {
      return await Promise.race([result, late.promise]);
    } finally {
      cancel();
      signal.removeEventListener("abort", stop);
    }
  };
}

/** Hands an answer on as it came. */
export function hand(answer: Collected, events: AnswerEvents): void {
  if (answer.kind === "failed") return events.failed(answer.code, answer.text);
  events.head(answer.status, answer.statusText, answer.headers);
  if (answer.body.length > 0) events.data(answer.body);
  events.end([]);
}

/** Answers in place of the coordinator, and marks the answer. */
export function answerOurselves(
  events: AnswerEvents,
  status: number,
  statusText: string,
  body: Uint8Array | undefined,
): void {
  events.head(status, statusText, [...ANSWERED_BY, ...(body === undefined ? [] : JSON_TYPE)]);
  if (body !== undefined) events.data(body);
  events.end([]);
}
