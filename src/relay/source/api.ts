import { codedError } from "../../shared/base/errors.ts";

type ApiError = { code: number; err_code?: number; description?: string };

const CONSUMER_NOT_FOUND = 10014;
const STREAM_NOT_FOUND = 10059;
/** A consumer cannot be reset to before its start sequence. */
const RESET_REFUSED = 10204;

/** What an error of the JetStream API means here. */
export function apiFailure(error: ApiError, what: string): Error {
  if (error.err_code === CONSUMER_NOT_FOUND)
    return codedError("consumer_missing", `${what}: run \`provision\``);
  if (error.err_code === RESET_REFUSED)
    return codedError(
      "consumer_differs",
      `${what} starts after events that still have to be sent; run \`provision\``,
    );
  if (error.err_code === STREAM_NOT_FOUND) return codedError("stream_missing", `${what}: run \`provision\``);
  return new Error(`${what}: ${error.description ?? "refused"} (${error.err_code ?? error.code})`);
}

/** Checks a JetStream API reply; throws `consumer_missing`, `consumer_differs` or `stream_missing` where `provision` has to be run, else a plain error. */
export function readApiReply<T extends object>(reply: T & { error?: ApiError }, what: string): T {
  if (reply.error !== undefined) throw apiFailure(reply.error, what);
  return reply;
}
