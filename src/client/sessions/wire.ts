import type { ClientClock } from "../clock.ts";
import { retryAfterMs, type RetryPolicy } from "../retry.ts";
import type { Fetch } from "../transport.ts";
import type { Leash } from "./abort.ts";
import { MAX_REFUSAL_BYTES, readText } from "./body.ts";
import { ConnectionError, errorOfAnswer, GatewayError } from "./error.ts";

/** What every request of a client needs. */
export type Wire = {
  /** URL of the server, with a slash at its end. */
  base: string;
  key: string | undefined;
  fetch: Fetch;
  clock: ClientClock;
  random: () => number;
  /** Limit of one attempt until its answer is there, milliseconds. */
  timeoutMs: number;
  /** How long and how often a request is repeated. */
  retry: RetryPolicy;
  /** The same for a stream, from when it broke. */
  reconnect: RetryPolicy;
  /** Aborts when the client is closed. */
  closing: AbortSignal;
};

export type Call = {
  method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** Path and query below the base URL. */
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
};

/** A failure that may be over at the next attempt. `waitMs`: how long the server wants to be left alone. */
export type Later = {
  kind: "later";
  error: GatewayError | ConnectionError;
  waitMs: number | undefined;
};

/** Statuses of a server that cannot do it now. Another one could, or the same one later. */
const LATER: readonly number[] = [408, 425, 429, 502, 503, 504];

/** Sends a request; the answer's head is there then. Rejects as `fetch` does. */
export async function send(wire: Wire, call: Call, { signal }: Leash): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json", ...call.headers };
  if (wire.key !== undefined) headers["authorization"] = `Bearer ${wire.key}`;
  if (call.body !== undefined) headers["content-type"] = "application/json";
  signal.throwIfAborted();
  return await wire.fetch(new URL(call.path, wire.base).href, {
    method: call.method,
    headers,
    redirect: "manual",
    cache: "no-store",
    credentials: "omit",
    signal,
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
  });
}

/** What an answer is that is no success. Throws a refusal that would be the same at the next attempt. */
export async function refusal(wire: Wire, response: Response): Promise<Later> {
  const { status, headers } = response;
  // a browser shows a redirect as status 0
  if (status === 0 || (status >= 300 && status <= 399))
    throw new GatewayError("refused", "the server redirects: name the URL that it redirects to", { status });
  const error = errorOfAnswer(status, await readText(response, MAX_REFUSAL_BYTES));
  if (!LATER.includes(status)) throw error;
  return { kind: "later", error, waitMs: retryAfterMs(headers.get("retry-after"), wire.clock.wall()) };
}

/** What a failed request means. An abort keeps its reason, and everything unknown is a connection that broke. Throws what no further attempt can change. */
export function failure(wire: Wire, { signal }: Leash, error: unknown): Later {
  const why = signal.aborted ? (signal.reason as unknown) : error;
  if (why instanceof ConnectionError && why.code !== "closed")
    return { kind: "later", error: why, waitMs: undefined };
  if (signal.aborted || why instanceof GatewayError) throw why;
  const broken = new ConnectionError("unreachable", `no connection to ${new URL(wire.base).host}`, why);
  return { kind: "later", error: broken, waitMs: undefined };
}

export function timeout(ms: number): ConnectionError {
  return new ConnectionError("timeout", `nothing came from the server within ${ms} ms`);
}
