/// <reference lib="esnext.disposable" preserve="true" />
import { systemClock, type ClientClock } from "../clock.ts";
import { DEFAULT_RETRY, type RetryPolicy } from "../retry.ts";
import type { Fetch } from "../transport.ts";
import { baseOf, queryOf, sessionPath, type SessionRef } from "./address.ts";
import { badAnswer, ConnectionError, GatewayError } from "./error.ts";
import type { Watched } from "./event.ts";
import { pages } from "./list.ts";
import { once, repeatedly, type Answer } from "./request.ts";
import type { Decision, Input, NewSession, Session, Turn } from "./session.ts";
import {
  executeTurn,
  randomId,
  runTurn,
  submitTurn,
  type CallOptions,
  type TurnInput,
  type TurnItem,
  type TurnResult,
} from "./turn.ts";
import { watch, type WatchOptions } from "./watch.ts";
import type { Wire } from "./wire.ts";

// session.ts what the server says of sessions · turn.ts runs turns · watch.ts follows a session through broken connections, stream.ts is one connection, sse.ts its form, event.ts what comes by it · list.ts reads
// lists · request.ts makes calls, wire.ts sends them, body.ts reads answers · address.ts paths · abort.ts signals · error.ts the errors. It is one package with the client for executors (../).

export type SessionsOptions = {
  /** URL of the sessions server. */
  url: string;
  /** A key of the server, or a token. */
  key?: string;
  /** Sends the requests instead of the global `fetch`. */
  fetch?: Fetch;
  /** Time limit of one attempt of a request, milliseconds. 10,000 by default. */
  timeoutMs?: number;
  /** How long and how often a request is repeated: 30 s by default. */
  retry?: Partial<RetryPolicy>;
  /** The same for a stream that broke: 5 minutes by default, `totalMs: Infinity` for ever. */
  reconnect?: Partial<RetryPolicy>;
  /** For tests: the clock, and random numbers from 0 to below 1. */
  clock?: ClientClock;
  random?: () => number;
};

/** A server that is restarted is back within seconds, so that at most 2 s are waited; 5 minutes are enough for a device to find its network again. */
const DEFAULT_RECONNECT: RetryPolicy = { totalMs: 5 * 60_000, firstMs: 200, maxMs: 2000 };
const TIMEOUT_MS = 10_000;

export type Sessions = ReturnType<typeof openSessions>;

/**
 * A client of the sessions server. Nothing is sent before the first call. Methods throw {@link GatewayError} for what the server refused, {@link ConnectionError} when it did not
 * answer, and the reason of a `signal` that was aborted. `close`, or `await using`, ends everything that is under way; sessions and their turns go on.
 */
// oxlint-disable-next-line max-lines-per-function -- the list of what a client can do, each of it in a few lines
export function openSessions(given: SessionsOptions) {
  const closing = new AbortController();
  const wire = wireOf(given, closing.signal);

  async function close(): Promise<void> {
    closing.abort(new ConnectionError("closed", "the client was closed"));
  }

  return {
    /** Makes a session, however often the request has to be sent. */
    async createSession(session: NewSession = {}, { signal }: CallOptions = {}): Promise<Session> {
      // the client names it, so that a repeat finds the session that the first attempt made
      const body = { ...session, session_id: session.session_id ?? `ses_${randomId()}` };
      return sessionOf(await repeatedly(wire, { method: "POST", path: "sessions", body, signal }));
    },

    /** The session with this id, to go on with it. Throws `not_found` if this user has none. */
    async resume(session: SessionRef, { signal }: CallOptions = {}): Promise<Session> {
      const path = sessionPath(session);
      return sessionOf(await repeatedly(wire, { method: "GET", path, signal }));
    },

    /** All sessions of the user, page by page as they are read. `user_id` needs a key with the scope `admin`. */
    async *list(
      filter: { user_id?: string } = {},
      { signal }: CallOptions = {},
    ): AsyncGenerator<Session, void, undefined> {
      const items = pages(wire, "sessions", (after) => `sessions${queryOf({ ...filter, after })}`, signal);
      for await (const item of items) yield sessionOf(item);
    },

    /** Turns of a session, in the order in which they were asked for. */
    async *turns(session: SessionRef, { signal }: CallOptions = {}): AsyncGenerator<Turn, void, undefined> {
      const pathOf = (after: string | undefined): string => sessionPath(session, ["turns"], { after });
      for await (const { status, body } of pages(wire, "turns", pathOf, signal)) {
        if (typeof body["turn_id"] !== "string") throw badAnswer("turn_id", status);
        yield body as Turn;
      }
    },

    /** Deletes a session with everything in it. */
    async delete(session: SessionRef, { signal }: CallOptions = {}): Promise<void> {
      let attempts = 0;
      const counting: Wire = { ...wire, fetch: (url, init) => (attempts++, wire.fetch(url, init)) };
      try {
        await repeatedly(counting, { method: "DELETE", path: sessionPath(session), signal });
      } catch (error) {
        // the attempt before did it, and its answer was lost
        if (attempts === 1 || !(error instanceof GatewayError) || error.status !== 404) throw error;
      }
    },

    /** How the server is. */
    async health({ signal }: CallOptions = {}): Promise<Record<string, unknown>> {
      return (await once(wire, { method: "GET", path: "health", signal })).body;
    },

    /** Asks for a turn without waiting for it. */
    submit(
      session: SessionRef,
      input: TurnInput | string,
      options: CallOptions = {},
    ): Promise<{ turn_id: string; seq: number }> {
      return submitTurn(wire, session, inputOf(input), options);
    },

    /** Runs a turn and yields its events until its end, each once and in order. To stop reading does not stop the turn. */
    execute(
      session: SessionRef,
      input: TurnInput | string,
      options: CallOptions = {},
    ): AsyncGenerator<TurnItem, void, undefined> {
      return executeTurn(wire, session, inputOf(input), options);
    },

    /** Runs a turn to its end. A turn that failed is a result, too: see `outcome`. */
    runQuery(session: SessionRef, input: TurnInput | string, options: CallOptions = {}): Promise<TurnResult> {
      return runTurn(wire, session, inputOf(input), options);
    },

    /** Everything that happens in a session behind a cursor, until the session is deleted, the signal, or `close`. */
    watch(session: SessionRef, options: WatchOptions = {}): AsyncGenerator<Watched, void, undefined> {
      return watch(wire, session, options);
    },

    /** Answers a `permission_request`. The first answer counts. */
    async decide(
      session: SessionRef,
      requestId: string,
      decision: Decision,
      { signal }: CallOptions = {},
    ): Promise<void> {
      const path = sessionPath(session, ["permissions", requestId]);
      await repeatedly(wire, { method: "POST", path, body: decision, signal });
    },

    /** Asks that a turn ends. It has ended when its `turn_ended` is there. */
    async cancel(session: SessionRef, turnId: string, { signal }: CallOptions = {}): Promise<void> {
      const path = sessionPath(session, ["turns", turnId, "cancel"]);
      await repeatedly(wire, { method: "POST", path, body: {}, signal });
    },

    /** Tells the running turn something: an answer to its `input_required`, whose first answer counts, or a word unasked. */
    async input(session: SessionRef, said: Input, { signal }: CallOptions = {}): Promise<void> {
      const body = { ...said, input_id: said.input_id ?? randomId() }; // so that a repeat is none
      await repeatedly(wire, { method: "POST", path: sessionPath(session, ["input"]), body, signal });
    },

    close,
    [Symbol.asyncDispose]: close,
  };
}

function wireOf(options: SessionsOptions, closing: AbortSignal): Wire {
  return {
    base: baseOf(options.url),
    key: options.key,
    fetch: options.fetch ?? ((url, init) => fetch(url, init)),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    retry: { ...DEFAULT_RETRY, ...options.retry },
    reconnect: { ...DEFAULT_RECONNECT, ...options.reconnect },
    closing,
  };
}

function inputOf(input: TurnInput | string): TurnInput {
  return typeof input === "string" ? { user_input: input } : input;
}

function sessionOf({ status, body }: Answer): Session {
  if (typeof body["session_id"] !== "string") throw badAnswer("session_id", status);
  return body as Session;
}
