import { JetStreamApiError } from "@nats-io/jetstream";
import type { Clock } from "../base/clock.ts";
import { rest } from "../base/rest.ts";
import { violationOf } from "../base/violation.ts";

const PAUSE_MS = 100;

/** Asks until there is an answer: a broker that is away comes back. Rejects with what is an answer all the same, and when `signal` says so. */
export async function patiently<T>(
  ask: () => Promise<T>,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await ask();
    } catch (error) {
      if (isAnswer(error)) throw error;
    }
    await rest(clock, PAUSE_MS, signal);
  }
}

/** True for what stays the same however often it is asked: a stream that is missing, a permission that is denied. */
function isAnswer(error: unknown): boolean {
  if (error instanceof JetStreamApiError) return error.status < 500;
  return violationOf(error) !== undefined;
}
