import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Executor } from "./scripted-runner.ts";

/** An agent that binds to its session, sends an event after the other, and a result when it is told to finish. */
export type ScriptedAgent = Executor & {
  session: string;
  /** Timestamps of the acknowledged events, in their order; they are `t0`, `t1` … and `u` for the result. */
  sent: readonly string[];
  /** Attempts that were not acknowledged, with the reason. */
  refused: readonly string[];
  /** Longest time from the first attempt of an event to its acknowledgement. */
  slowestMs(): number;
  /** No new event but the result. `ended` tells when it is acknowledged. */
  finish(): void;
};

/** Executors give up on a call after this. */
const LIMIT_MS = 5000;
const AGAIN_MS = 100;

/**
 * Sends an event every `everyMs`. What is not acknowledged is sent again under the same `Idempotency-Key`, as our client does, so that
 * the order of the timestamps is the order of acceptance.
 */
export function startScriptedAgent(url: string, session: string, everyMs: number): ScriptedAgent {
  const finishing = new AbortController();
  const stopping = new AbortController();
  const sent: string[] = [];
  const refused: string[] = [];
  let slowest = 0;

  async function deliver(path: string, body: object, timestamp?: string): Promise<void> {
    const key = randomUUID();
    const began = performance.now();
    while (!stopping.signal.aborted) {
      const why = await attempt(url + path, key, JSON.stringify({ session_id: session, ...body }));
      if (why === undefined) {
        if (timestamp !== undefined) sent.push(timestamp);
        slowest = Math.max(slowest, performance.now() - began);
        return;
      }
      refused.push(why);
      await pause(AGAIN_MS, stopping.signal);
    }
  }

  async function run(): Promise<void> {
    const none = AbortSignal.any([finishing.signal, stopping.signal]);
    await deliver("/bind", { executor_session_id: "x" });
    for (let i = 0; !none.aborted; i++) {
      await deliver("/events", { event_type: "message", timestamp: `t${i}` }, `t${i}`);
      await pause(everyMs, none);
    }
    const result = { event_type: "result", timestamp: "u", result_text: "done", result_data: null };
    await deliver("/events", result, "u");
  }

  const ended = run();
  return {
    session,
    sent,
    refused,
    slowestMs: () => slowest,
    ended,
    finish: () => finishing.abort(),
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}

/** One call on a connection of its own; what was wrong with it, if anything was. */
async function attempt(url: string, key: string, body: string): Promise<string | undefined> {
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": key, connection: "close" },
      body,
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    const text = await answer.text();
    return answer.ok ? undefined : `${answer.status} ${text}`;
  } catch (error) {
    return error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
