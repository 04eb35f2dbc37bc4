import { delayAfter } from "../retry.ts";
import { leashed, pause } from "./abort.ts";
import { MAX_ANSWER_BYTES, readText } from "./body.ts";
import { GatewayError, objectIn } from "./error.ts";
import { failure, refusal, send, timeout, type Call, type Later, type Wire } from "./wire.ts";

/** The answer to a call: a JSON object. */
export type Answer = { status: number; body: Record<string, unknown> };

/** One attempt of a call. Throws what no further attempt can change. */
async function attempt(wire: Wire, call: Call): Promise<({ kind: "answered" } & Answer) | Later> {
  const leash = leashed([wire.closing, call.signal]);
  const cancelLimit = wire.clock.after(wire.timeoutMs, () => leash.abort(timeout(wire.timeoutMs)));
  try {
    const response = await send(wire, call, leash);
    const { status } = response;
    if (status < 200 || status > 299) return await refusal(wire, response);
    const body = objectIn(await readText(response, MAX_ANSWER_BYTES));
    if (body === undefined)
      throw new GatewayError("bad_answer", "the answer is not a JSON object", { status });
    return { kind: "answered", status, body };
  } catch (error) {
    return failure(wire, leash, error);
  } finally {
    cancelLimit();
    leash.release();
    leash.abort(undefined); // what is left of the answer is not read
  }
}

/** Sends a call that may be carried out only once: there is one attempt. */
export async function once(wire: Wire, call: Call): Promise<Answer> {
  const answer = await attempt(wire, call);
  if (answer.kind === "later") throw answer.error;
  return answer;
}

/** Sends a call that may be carried out several times, until it is answered. Throws the last failure when `wire.retry` allows no further attempt. */
export async function repeatedly(wire: Wire, call: Call): Promise<Answer> {
  const start = wire.clock.now();
  for (let attempts = 1; ; attempts++) {
    const answer = await attempt(wire, call);
    if (answer.kind === "answered") return answer;
    const state = { attempt: attempts, elapsedMs: wire.clock.now() - start, retryAfterMs: answer.waitMs };
    const delay = delayAfter(wire.retry, state, wire.random);
    if (delay === undefined) throw answer.error;
    await calmly(wire, call, delay);
  }
}

async function calmly(wire: Wire, { signal }: Call, delay: number): Promise<void> {
  const leash = leashed([wire.closing, signal]);
  try {
    await pause(wire.clock, delay, leash.signal);
  } finally {
    leash.release();
  }
}
