import { randomUUID } from "node:crypto";
import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { markerOf, type Acknowledged } from "./checker.ts";
import type { Random } from "./random.ts";

/** One session's writer: sequential, as an executor is. */
export type WriterPlan = {
  session: string;
  /** What its markers begin with, where a session has several writers. Default: the session. */
  name?: string;
  perSecond: number;
  /** Asks for a 202 at once. */
  async?: boolean;
  /** Says that it waits for this long (`Prefer: wait`), seconds, and does. */
  waitS?: number;
  /** Ends after this many; by default at `stop`. */
  events?: number;
};

/** An event that was acknowledged. Moments are wall clock, as in the ledger. */
export type Call = Acknowledged & {
  session: string;
  status: number;
  /** Of the attempt that was answered. */
  startedAt: number;
  endedAt: number;
  ms: number;
  attempts: number;
  /** Path of its receipt, with the query, at a 202. */
  receipt?: string;
};

/** An answer that was no 2xx. */
export type Refusal = { marker: string; status: number; at: number; text: string };

export type Load = {
  /** In the order of acknowledgement. */
  calls: readonly Call[];
  refusals: readonly Refusal[];
  /** Attempts without an answer: how often, by reason. */
  unanswered: ReadonlyMap<string, number>;
  /** No new events; returns when every begun one is acknowledged. Throws if that takes longer than `patienceMs`. */
  stop(patienceMs?: number): Promise<void>;
  /** Returns when every writer with a number of events has them acknowledged. */
  finished(): Promise<void>;
};

/** Existing executors give up after this. */
const TIMEOUT_MS = 5000;
/** For an answer that comes when the time that was asked for is over. */
const GRACE_MS = 2000;
const BODY_BYTES = 400;

type Attempt = { kind: "answer"; status: number; text: string } | { kind: "none"; why: string };

/**
 * Writers that behave as executors do: a new TCP connection for each call, 5 s of patience, one event after the other. An event whose
 * outcome is unknown is sent again under the same `Idempotency-Key` until it is acknowledged, as our client does; so the number of an event
 * is its place in the order of acceptance.
 */
export function startLoad(options: {
  url: () => string;
  /** Where a session's events go below the URL. Default: `/events`. */
  path?: (session: string) => string;
  writers: readonly WriterPlan[];
  random: Random;
}): Load {
  const calls: Call[] = [];
  const refusals: Refusal[] = [];
  const unanswered = new Map<string, number>();
  const stopped = new AbortController();
  const pathOf = options.path ?? (() => "/events");
  let given = false;

  async function write(plan: WriterPlan, offsetMs: number): Promise<void> {
    const { session } = plan;
    const start = performance.now() + offsetMs;
    for (let n = 1; n <= (plan.events ?? Infinity); n++) {
      const due = start + ((n - 1) * 1000) / plan.perSecond;
      await pause(due - performance.now());
      if (stopped.signal.aborted) return;
      await deliver(plan, session, n);
    }
  }

  async function deliver(plan: WriterPlan, session: string, n: number): Promise<void> {
    const marker = markerOf(plan.name ?? session, n);
    const body = bodyOf(session, marker);
    const headers: Record<string, string> = { "idempotency-key": randomUUID() };
    if (plan.async) headers["prefer"] = "respond-async";
    if (plan.waitS !== undefined) headers["prefer"] = `wait=${plan.waitS}`;
    const timeoutMs = plan.waitS === undefined ? TIMEOUT_MS : plan.waitS * 1000 + GRACE_MS;
    for (let attempts = 1; !given; attempts++) {
      const startedAt = Date.now();
      const before = performance.now();
      const attempt = await send(options.url() + pathOf(session), { headers, body, timeoutMs });
      if (attempt.kind === "none") {
        unanswered.set(attempt.why, (unanswered.get(attempt.why) ?? 0) + 1);
      } else if (attempt.status >= 200 && attempt.status < 300) {
        const ms = performance.now() - before;
        const { status } = attempt;
        const call = { marker, session, status, startedAt, endedAt: startedAt + ms, ms, attempts };
        calls.push(status === 202 ? { ...call, ...receiptOf(attempt.text) } : call);
        return;
      } else {
        refusals.push({ marker, status: attempt.status, at: startedAt, text: attempt.text });
        if (attempt.status < 500) throw new Error(`${marker}: ${attempt.status} ${attempt.text}`);
      }
      await delay(50 + options.random.next() * 100);
    }
  }

  async function pause(ms: number): Promise<void> {
    if (ms > 0) await delay(ms, undefined, { signal: stopped.signal }).catch(() => undefined);
  }

  // Spread over the first period, so that they do not march in step.
  const writing = Promise.all(
    options.writers.map((plan) => write(plan, (options.random.next() * 1000) / plan.perSecond)),
  );
  writing.catch(() => undefined); // `stop` and `finished` tell
  return {
    calls,
    refusals,
    unanswered,
    finished: async () => void (await writing),
    async stop(patienceMs = 30_000) {
      stopped.abort();
      const patience = setTimeout(() => (given = true), patienceMs);
      await writing;
      clearTimeout(patience);
      if (!given) return;
      const why = JSON.stringify({ last: refusals.at(-1), unanswered: Object.fromEntries(unanswered) });
      throw new Error(`events are not acknowledged after ${patienceMs} ms: ${why}`);
    },
  };
}

function receiptOf(accepted: string): { eventId: string; receipt: string } {
  const { event_id: id, stream_seq: seq } = JSON.parse(accepted) as { event_id: string; stream_seq: number };
  return { eventId: id, receipt: `/_relay/deliveries/${id}?seq=${seq}` };
}

function bodyOf(session: string, marker: string): string {
  const event = { session_id: session, event_type: "message", timestamp: new Date().toISOString(), marker };
  const bare = JSON.stringify({ ...event, role: "assistant", content: [{ type: "text", text: "" }] });
  const text = "x".repeat(Math.max(0, BODY_BYTES - bare.length));
  return JSON.stringify({ ...event, role: "assistant", content: [{ type: "text", text }] });
}

/** One attempt on a connection of its own. Never throws. */
function send(
  url: string,
  { headers, body, timeoutMs }: { headers: Record<string, string>; body: string; timeoutMs: number },
): Promise<Attempt> {
  return new Promise((resolve) => {
    const outgoing = request(url, {
      method: "POST",
      agent: false,
      headers: {
        ...headers,
        connection: "close",
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
      },
    });
    const timer = setTimeout(() => end({ kind: "none", why: "time-out" }), timeoutMs);

    function end(attempt: Attempt): void {
      clearTimeout(timer);
      resolve(attempt);
      outgoing.destroy();
    }

    outgoing.on("error", (error) =>
      end({ kind: "none", why: "code" in error ? String(error.code) : error.message }),
    );
    outgoing.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => end({ kind: "answer", status: response.statusCode ?? 0, text }));
      response.on("close", () => end({ kind: "none", why: "broken off" }));
    });
    outgoing.end(body);
  });
}
