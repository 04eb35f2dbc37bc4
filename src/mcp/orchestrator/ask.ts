import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import { rest } from "../../shared/base/rest.ts";
import { answerOf, type Answer } from "./answer.ts";

export type Method = "GET" | "POST" | "DELETE";

/** One question to the coordinator. */
export type Question = {
  method: Method;
  path: string;
  body?: object;
  /** No further try begins after this time of the clock. */
  until: number;
  signal: AbortSignal;
  /** Called before each wait for another try. */
  onAway?: (text: string) => void;
};

/** Asks the coordinator through the gateway, again and again through an outage where a repeat does no harm. Rejects only with the signal's reason. */
export type Ask = (question: Question) => Promise<Answer>;

/** One request: what the original allows a call, and more than the gateway allows an event. */
const REQUEST_MS = 30_000;
/** Between two tries, and between two looks at a run: as often as the original looks. */
export const AGAIN_MS = 2000;

/** Asks the coordinator behind `url`, the gateway's or its own. `token`: what the gateway's port asks for. */
export function createAsk(deps: {
  url: string;
  token: string | undefined;
  clock: Clock;
  againMs?: number;
}): Ask {
  const { url, token, clock, againMs = AGAIN_MS } = deps;

  async function once({ method, path, body, signal }: Question): Promise<Answer> {
    try {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]),
        redirect: "manual",
      });
      return answerOf(response.status, await response.text());
    } catch (error) {
      signal.throwIfAborted();
      return { kind: "away", carriedOut: wasRefused(error) ? "no" : "unknown", text: errorText(error) };
    }
  }

  return async (question) => {
    const { method, until, signal, onAway } = question;
    for (;;) {
      const answer = await once(question);
      if (answer.kind !== "away" || clock.now() + againMs > until) return answer;
      // what may have been carried out is repeated only if a second time does no harm
      if (method === "POST" && answer.carriedOut !== "no") return answer;
      onAway?.(answer.text);
      await rest(clock, againMs, signal);
      signal.throwIfAborted();
    }
  };
}

/** Nothing listens there, so nothing was sent. */
function wasRefused(error: unknown): boolean {
  const { cause } = error instanceof Error ? error : {};
  return cause instanceof Error && "code" in cause && cause.code === "ECONNREFUSED";
}
