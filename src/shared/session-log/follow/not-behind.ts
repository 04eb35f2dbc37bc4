import type { Clock } from "../../base/clock.ts";
import { rest } from "../../base/rest.ts";

/** Pause before a server is asked again that has not everything yet. */
export const BEHIND_MS = 20;
/** A server that was the log's leader, and was stopped or cut off, answers as one until it notices: nats-server gives up after 10 s without a majority. */
export const OLD_LEADER_MS = 10_000;

/**
 * Asks the leader until its answer is not behind what is known already, or for {@link OLD_LEADER_MS}: then the answer counts as it is, because the log was restored or
 * lost something. Resolves early with `signal`.
 */
export async function notBehind<T>(
  ask: () => Promise<T>,
  isBehind: (answer: T) => boolean,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<T> {
  const until = clock.now() + OLD_LEADER_MS;
  for (;;) {
    const answer = await ask();
    if (!isBehind(answer) || signal.aborted || clock.now() >= until) return answer;
    await rest(clock, BEHIND_MS, signal);
  }
}
