import type { ClientClock } from "./clock.ts";
import { errorOfAnswer, SessionClientError } from "./error.ts";
import { delayAfter, retryAfterMs, type RetryPolicy } from "./retry.ts";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export type Request = {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Path and query below the base URL, or an absolute URL. */
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
};

/** A complete answer with a status below 300. */
export type Answered = { status: number; headers: Headers; text: string };

export type Transport = ReturnType<typeof createTransport>;

/** Sends requests to the gateway. `timeoutMs` limits each attempt, and requests that may be repeated are retried. */
export function createTransport(deps: {
  baseUrl: string;
  fetch: Fetch;
  token: string | undefined;
  clock: ClientClock;
  random: () => number;
  timeoutMs: number;
  /** Answers after which a request that may be repeated is. */
  retryStatuses: readonly number[];
}) {
  const { clock } = deps;

  /** One attempt. Throws `unreachable` or `timeout` if there is no answer, and returns any answer. */
  async function attempt(request: Request): Promise<Answered> {
    const abort = new AbortController();
    const cancel = clock.after(deps.timeoutMs, () => abort.abort());
    const init: RequestInit = { method: request.method, redirect: "manual", signal: abort.signal };
    init.headers = { ...request.headers };
    if (deps.token !== undefined) init.headers = { ...init.headers, authorization: `Bearer ${deps.token}` };
    if (request.body !== undefined) {
      init.body = JSON.stringify(request.body);
      init.headers = { ...init.headers, "content-type": "application/json" };
    }
    try {
      const response = await deps.fetch(new URL(request.path, deps.baseUrl).href, init);
      return { status: response.status, headers: response.headers, text: await response.text() };
    } catch (cause) {
      throw abort.signal.aborted
        ? new SessionClientError("timeout", `no answer within ${deps.timeoutMs} ms`, { cause })
        : new SessionClientError("unreachable", `no connection to ${new URL(deps.baseUrl).host}`, { cause });
    } finally {
      cancel();
    }
  }

  /** One attempt. Throws unless the answer is a 2xx. */
  async function once(request: Request): Promise<Answered> {
    const answer = await attempt(request);
    if (answer.status < 200 || answer.status > 299) throw errorOfAnswer(answer.status, answer.text);
    return answer;
  }

  /** Like {@link once}, but retries exactly the same request after a broken connection, a time-out or one of `retryStatuses`. */
  async function repeated(request: Request, policy: RetryPolicy): Promise<Answered> {
    const start = clock.now();
    for (let attempts = 1; ; attempts++) {
      let failure: SessionClientError;
      let asked: number | undefined;
      try {
        const answer = await attempt(request);
        if (answer.status >= 200 && answer.status <= 299) return answer;
        failure = errorOfAnswer(answer.status, answer.text);
        if (!deps.retryStatuses.includes(answer.status)) throw failure;
        asked = retryAfterMs(answer.headers.get("retry-after"), clock.wall());
      } catch (error) {
        if (!isTransient(error)) throw error;
        failure = error;
      }
      const elapsedMs = clock.now() - start;
      const delay = delayAfter(policy, { attempt: attempts, elapsedMs, retryAfterMs: asked }, deps.random);
      if (delay === undefined) throw failure;
      await pause(clock, delay);
    }
  }

  return { once, repeated };
}

function isTransient(error: unknown): error is SessionClientError {
  return error instanceof SessionClientError && (error.code === "unreachable" || error.code === "timeout");
}

export function pause(clock: ClientClock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}
