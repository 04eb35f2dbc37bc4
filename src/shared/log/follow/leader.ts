import { JetStreamApiError, type JetStreamManager, type StoredMsg } from "@nats-io/jetstream";
import { errors } from "@nats-io/nats-core";
import { codedError } from "../../base/errors.ts";
import { violationOf } from "../../base/violation.ts";
import { PATIENCE_MS } from "./patience.ts";

/** JetStream's "no message found". */
const NO_MESSAGE = 10037;

/** One message of a stream: by its number, the next of a subject from a number or time on, or the last of a subject. */
export type LeaderQuery =
  | { last_by_subj: string }
  | { seq: number; next_by_subj?: string }
  | { start_time: Date };

/**
 * A message as the stream's leader has it; null for none. A direct get may be answered by a copy that is thousands of messages behind, or that has
 * nothing yet, so that nothing may be decided from its "none" (ADR 0055). Asked again where there is no answer: what was sent to a server that hangs is lost. Throws
 * `broker_refused` for a user without that permission.
 */
export async function askLeader(
  jsm: JetStreamManager,
  stream: string,
  query: LeaderQuery,
): Promise<StoredMsg | null> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await within(
        PATIENCE_MS[attempt],
        jsm.streams.getMessage(stream, query as { last_by_subj: string }),
      );
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === NO_MESSAGE) return null;
      if (violationOf(error) !== undefined) throw forbidden(stream, error);
      if (!(error instanceof errors.TimeoutError) || attempt + 1 >= PATIENCE_MS.length) throw error;
    }
  }
}

function forbidden(stream: string, cause: unknown): Error {
  const subject = `$JS.API.STREAM.MSG.GET.${stream}`;
  return codedError(
    "broker_refused",
    `this login may not publish to ${subject}; give the broker's users the permissions of deploy/nats/users.conf`,
    { cause },
  );
}

async function within<T>(ms: number | undefined, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new errors.TimeoutError()), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {}); // it ends later, and nobody waits for it
  }
}
