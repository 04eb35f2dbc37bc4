import { systemClock, type ClientClock } from "./clock.ts";
import { awaitDelivery, type DeliveryState } from "./delivery.ts";
import { objectIn, SessionClientError } from "./error.ts";
import { DEFAULT_RETRY, type RetryPolicy } from "./retry.ts";
import { createTransport, type Answered, type Fetch } from "./transport.ts";

// error.ts the errors · retry.ts when to retry · transport.ts the attempts · delivery.ts the receipts · clock.ts time
// The client is a package of its own without dependencies (packages/client), so it imports nothing of the rest, and time and chance can be replaced.

export type SessionClientOptions = {
  /** URL of the gateway: an executor's `AGENT_ORCHESTRATOR_API_URL`. */
  baseUrl: string;
  /** The token that the gateway requires, if it has `RUNNER_RELAY_INBOUND_TOKEN`. */
  token?: string;
  /** Sends the requests instead of the global `fetch`. */
  fetch?: Fetch;
  /** Time limit of one attempt, milliseconds. 5000 by default. */
  timeoutMs?: number;
  /** Retries of writes. Reads are tried only once. */
  retry?: Partial<RetryPolicy>;
  /** Answers after which a write is tried again, 503 by default. Behind a proxy of the runner, a gateway that is away is a 502. */
  retryStatuses?: readonly number[];
  /** For tests: the clock, and random numbers from 0 to below 1. */
  clock?: ClientClock;
  random?: () => number;
};

export type WriteOptions = {
  /** Milliseconds to wait for the delivery of a write that was only accepted. Without it the call returns once the write is accepted. */
  waitForDelivery?: number;
};

/**
 * The result of a write. Not `accepted`: the coordinator itself answered with `body`. `accepted`: the write is in the durable log and will reach
 * the coordinator; `location` is its receipt, and `delivery` the receipt's last state if the call waited for it.
 */
export type WriteResult =
  | { accepted: false; status: number; body: Record<string, unknown> }
  | { accepted: true; eventId: string; location: string; delivery?: DeliveryState };

/** An event of a session. `timestamp` defaults to the time of the call. */
export type SessionEvent = { event_type: string; timestamp?: string } & Record<string, unknown>;

export type Session = { session_id: string; status: string } & Record<string, unknown>;
export type SessionResult = { result_text: string | null; result_data: Record<string, unknown> | null };
export type Affinity = {
  session_id: string;
  hostname: string | null;
  project_dir: string | null;
  executor_profile: string | null;
};

export type SessionClient = ReturnType<typeof createSessionClient>;

/**
 * A client of the gateway for executors. Writes are retried after broken connections, time-outs and 503, with one `Idempotency-Key` per call, so
 * that a retry is not a second event. All methods throw {@link SessionClientError}.
 */
// oxlint-disable-next-line max-lines-per-function -- the list of what a client can do, each of it in a few lines
export function createSessionClient(options: SessionClientOptions) {
  if (!isPlainUrl(options.baseUrl))
    throw new SessionClientError("base_url_invalid", "the base URL must be a URL without a login"); // it is not quoted, because it may hold a password
  const clock = options.clock ?? systemClock;
  const policy: RetryPolicy = { ...DEFAULT_RETRY, ...options.retry };
  const transport = createTransport({
    baseUrl: options.baseUrl.endsWith("/") ? options.baseUrl : `${options.baseUrl}/`,
    fetch: options.fetch ?? fetch,
    token: options.token,
    clock,
    random: options.random ?? Math.random,
    timeoutMs: options.timeoutMs ?? 5000,
    retryStatuses: options.retryStatuses ?? [503],
  });

  async function write(
    method: "POST" | "PATCH",
    path: string,
    body: Record<string, unknown>,
    { waitForDelivery }: WriteOptions = {},
  ): Promise<WriteResult> {
    const headers = { "idempotency-key": crypto.randomUUID() };
    const answer = await transport.repeated({ method, path, body, headers }, policy);
    const result = writeResult(answer);
    if (!result.accepted || waitForDelivery === undefined) return result;
    const delivery = await awaitDelivery({ transport, clock }, result.location, waitForDelivery);
    return { ...result, delivery };
  }

  async function read<T>(path: string): Promise<T> {
    const { status, text } = await transport.once({ method: "GET", path });
    return bodyOf(status, text) as T;
  }

  return {
    /** Binds this executor to a session. The gateway adds the runner's own fields (host name, profile). */
    async bind(
      sessionId: string,
      binding: { executorSessionId: string; projectDir?: string },
      writeOptions?: WriteOptions,
    ): Promise<WriteResult> {
      const body: Record<string, unknown> = {
        session_id: checked(sessionId),
        executor_session_id: binding.executorSessionId,
      };
      if (binding.projectDir !== undefined) body["project_dir"] = binding.projectDir;
      return write("POST", "bind", body, writeOptions);
    },

    /** Reports an event. Events of one session arrive in the order of the calls that were awaited. */
    async addEvent(
      sessionId: string,
      event: SessionEvent,
      writeOptions?: WriteOptions,
    ): Promise<WriteResult> {
      const timestamp = event.timestamp ?? new Date(clock.wall()).toISOString();
      return write("POST", "events", { ...event, timestamp, session_id: checked(sessionId) }, writeOptions);
    },

    /** Changes the session's metadata, such as `last_resumed_at`. */
    async updateSession(
      sessionId: string,
      metadata: Record<string, unknown>,
      writeOptions?: WriteOptions,
    ): Promise<WriteResult> {
      return write("PATCH", "metadata", { ...metadata, session_id: checked(sessionId) }, writeOptions);
    },

    async getSession(sessionId: string): Promise<Session> {
      return (await read<{ session: Session }>(sessionPath(sessionId))).session;
    },

    /** `not_existent` for an unknown session. */
    async getStatus(sessionId: string): Promise<string> {
      return (await read<{ status: string }>(sessionPath(sessionId, "/status"))).status;
    },

    /** Throws `refused` (400) while the session is not finished. */
    async getResult(sessionId: string): Promise<SessionResult> {
      return read<SessionResult>(sessionPath(sessionId, "/result"));
    },

    /** The runner that a resumed session must return to. */
    async getAffinity(sessionId: string): Promise<Affinity> {
      return (await read<{ affinity: Affinity }>(sessionPath(sessionId, "/affinity"))).affinity;
    },

    async listSessions(): Promise<Session[]> {
      return (await read<{ sessions: Session[] }>("sessions")).sessions;
    },

    /** Deletes the session with its events, after the gateway has delivered its pending events. A repetition may throw `not_found`. */
    async deleteSession(sessionId: string): Promise<Record<string, unknown>> {
      const answer = await transport.repeated({ method: "DELETE", path: sessionPath(sessionId) }, policy);
      return bodyOf(answer.status, answer.text);
    },
  };
}

/** True for a URL without a login. */
function isPlainUrl(text: string): boolean {
  try {
    const { username, password } = new URL(text);
    return username === "" && password === "";
  } catch {
    return false;
  }
}

function writeResult({ status, headers, text }: Answered): WriteResult {
  const body = bodyOf(status, text);
  const eventId = body["event_id"];
  const location = headers.get("location");
  // a coordinator may also answer 202, but only the gateway's has a receipt
  if (status !== 202 || typeof eventId !== "string" || location === null) {
    return { accepted: false, status, body };
  }
  return { accepted: true, eventId, location };
}

function bodyOf(status: number, text: string): Record<string, unknown> {
  const body = objectIn(text);
  if (body === undefined)
    throw new SessionClientError("bad_answer", "the answer is not a JSON object", { status });
  return body;
}

function sessionPath(sessionId: string, rest = ""): string {
  return `sessions/${encodeURIComponent(checked(sessionId))}${rest}`;
}

/** Checks that no server could take the id for another path. Dot segments and slashes are not safe in any encoding. */
function checked(sessionId: string): string {
  if (sessionId === "" || sessionId === "." || sessionId === ".." || /[/\\]/.test(sessionId)) {
    throw new SessionClientError("session_id_invalid", `not a session id: ${JSON.stringify(sessionId)}`);
  }
  if (!sessionId.isWellFormed()) throw new SessionClientError("session_id_invalid", "not a text");
  return sessionId;
}
